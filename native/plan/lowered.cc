#include "plan/lowered.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "quant/codec.h"

namespace tara::plan {

namespace {

constexpr int64_t MAX_ELEMENTS = int64_t{1} << 40;
constexpr int64_t FEEDBACK_COLS = 32;

[[noreturn]] void refuse(const std::string & what, const std::string & reason) {
  throw Error("TARA_PLAN_INVALID", {{"reason", what + ": " + reason}});
}

int64_t count(const Json & json, const char * key, const std::string & what) {
  const auto value = json.at(key).get<int64_t>();
  if (value < 1 || value > MAX_ELEMENTS) refuse(what, std::string(key) + " is out of range");
  return value;
}

void check_matrix(int64_t rows, int64_t cols, const std::string & what) {
  if (rows > MAX_ELEMENTS / cols) refuse(what, "it has too many elements");
}

ggml_type tensor_type(const Json & json, int64_t cols, const std::string & what) {
  const auto id = json.at("type").get<int64_t>();
  if (id < 0 || id >= GGML_TYPE_COUNT || ggml_blck_size(static_cast<ggml_type>(id)) == 0) refuse(what, "unknown type");
  const auto type = static_cast<ggml_type>(id);
  if (cols % ggml_blck_size(type) != 0) refuse(what, "the row length is no multiple of the type's block");
  return type;
}

int index_of(const Json & json, const char * key, size_t length, const std::string & what) {
  const auto index = json.at(key).get<int64_t>();
  if (index < 0 || static_cast<size_t>(index) >= length) refuse(what, std::string("no such ") + key);
  return static_cast<int>(index);
}

Table parse_table(const Json & json) {
  Table table;
  if (json.size() % 2 != 0) refuse("tables", "an index list is no list of runs");
  for (size_t i = 0; i + 1 < json.size(); i += 2) {
    const auto start = json[i].get<int64_t>();
    const auto length = json[i + 1].get<int64_t>();
    if (start < 0 || length < 1 || start > MAX_ELEMENTS || length > MAX_ELEMENTS) refuse("tables", "a run is out of range");
    table.starts.push_back(start);
    table.before.push_back(table.length);
    table.length += length;
    table.highest = std::max(table.highest, start + length - 1);
    if (table.length > MAX_ELEMENTS) refuse("tables", "an index list is too long");
  }
  return table;
}

Span parse_span(const Json & json, const Lowered & plan, const std::string & what) {
  Span span;
  span.source = index_of(json, "src", plan.sources.size(), what);
  span.rows = count(json, "rows", what);
  span.cols = count(json, "cols", what);
  check_matrix(span.rows, span.cols, what);
  span.type = tensor_type(json, span.cols, what);
  span.offset = json.at("offset").get<int64_t>();
  const int64_t size = plan.sources[span.source].size;
  if (span.offset < 0 || span.offset > size || span.rows * span.row_bytes() > size - span.offset) {
    refuse(what, "a span ends outside its file");
  }
  return span;
}

// A tensor besides the plan tensor's own parts: rows x cols values that can be read as float32.
Span parse_other(const Json & json, const Lowered & plan, int64_t rows, int64_t cols, const std::string & what) {
  Span span = parse_span(json, plan, what);
  span.name = json.at("name").get<std::string>();
  if (span.rows != rows || span.cols != cols) refuse(what, span.name + " has another shape");
  if (!quant::can_decode(span.type)) refuse(what, span.name + " cannot be read as float32");
  return span;
}

double finite_number(const Json & json, const char * key, const std::string & what) {
  const auto value = json.at(key).get<double>();
  if (!std::isfinite(static_cast<float>(value))) refuse(what, std::string(key) + " is too large");
  return value;
}

Term parse_term(const Json & json, const Lowered & plan, const Step & step, const std::string & what) {
  Term term;
  term.weight = finite_number(json, "weight", what);
  term.transposed = json.at("transposed").get<bool>();
  const int64_t rows = term.transposed ? step.cols_in : step.rows_in;
  const int64_t cols = term.transposed ? step.rows_in : step.cols_in;
  if (json.contains("full")) {
    term.full = parse_other(json.at("full"), plan, rows, cols, what);
    return term;
  }
  term.scale = finite_number(json, "scale", what);
  const int64_t rank = count(json.at("a"), "rows", what);
  term.a = parse_other(json.at("a"), plan, rank, cols, what);
  term.b = parse_other(json.at("b"), plan, rows, rank, what);
  check_matrix(step.rows_in, rank, what);
  check_matrix(rank, step.cols_in, what);
  if (json.contains("magnitude")) term.magnitude = parse_other(json.at("magnitude"), plan, 1, step.rows_in, what);
  return term;
}

Delta parse_delta(const Json & json, const Lowered & plan, const Step & step, const std::string & what) {
  static const std::map<std::string, Delta::Method> METHODS = {
    {"sum", Delta::Method::sum}, {"ties", Delta::Method::ties}, {"dare", Delta::Method::dare}, {"dare-ties", Delta::Method::dare_ties},
  };
  Delta delta;
  const auto method = METHODS.find(json.at("method").get<std::string>());
  if (method == METHODS.end()) refuse(what, "unknown merge method");
  delta.method = method->second;
  delta.density = json.at("density").get<double>();
  if (!(delta.density > 0 && delta.density <= 1)) refuse(what, "the density is out of range");
  delta.scale = finite_number(json, "scale", what);
  delta.seed = json.at("seed").get<uint32_t>();
  for (const Json & term : json.at("terms")) delta.terms.push_back(parse_term(term, plan, step, what));
  if (delta.terms.empty()) refuse(what, "a delta has no terms");
  return delta;
}

Blend parse_blend(const Json & json, const Lowered & plan, const Step & step, const std::string & what) {
  Blend blend;
  blend.slerp = json.at("method").get<std::string>() == "slerp";
  blend.t = json.at("t").get<double>();
  if (!(blend.t >= 0 && blend.t <= 1)) refuse(what, "a blend's t is out of range");
  blend.transposed = json.at("transposed").get<bool>();
  const int64_t rows = blend.transposed ? step.cols_in : step.rows_in;
  const int64_t cols = blend.transposed ? step.rows_in : step.cols_in;
  blend.other = parse_other(json.at("other"), plan, rows, cols, what);
  return blend;
}

// One step after the current matrix of `tensor`, which it changes.
Step parse_step(const Json & json, const Lowered & plan, Tensor & tensor) {
  const std::string & what = tensor.name;
  Step step;
  step.rows_in = tensor.staged_rows;
  step.cols_in = tensor.staged_cols;
  const auto op = json.at("op").get<std::string>();
  if (op == "affine") {
    step.op = Step::Op::affine;
    step.scale = json.at("scale").get<float>();
    step.offset = json.at("offset").get<float>();
    step.half = json.value("half", false);
  } else if (op == "cols") {
    step.op = Step::Op::cols;
    step.table = index_of(json, "table", plan.tables.size(), what);
    if (plan.tables[step.table].length < 1 || plan.tables[step.table].highest >= step.cols_in) refuse(what, "a column list points outside");
    tensor.staged_cols = plan.tables[step.table].length;
  } else if (op == "rows" && json.contains("table")) {
    step.op = Step::Op::rows_table;
    step.table = index_of(json, "table", plan.tables.size(), what);
    if (plan.tables[step.table].length < 1 || plan.tables[step.table].highest >= step.rows_in) refuse(what, "a row list points outside");
    tensor.staged_rows = plan.tables[step.table].length;
  } else if (op == "rows") {
    step.op = Step::Op::rows_rope;
    step.heads = count(json, "ropeHeads", what);
    if (step.heads > step.rows_in / 2 || step.rows_in % (2 * step.heads) != 0) refuse(what, "the heads do not divide the rows");
  } else if (op == "delta") {
    step.op = Step::Op::delta;
    step.delta = parse_delta(json, plan, step, what);
  } else if (op == "blend") {
    step.op = Step::Op::blend;
    step.blend = parse_blend(json, plan, step, what);
  } else {
    refuse(what, "unknown step " + op);
  }
  check_matrix(tensor.staged_rows, tensor.staged_cols, what);
  return step;
}

void parse_first(const Json & json, const Lowered & plan, Tensor & tensor) {
  if (json.contains("values")) {
    tensor.values = json.at("values").get<std::vector<float>>();
    Span span;
    span.rows = 1;
    span.cols = static_cast<int64_t>(tensor.values.size());
    tensor.parts.push_back(span);
  } else {
    for (const Json & part : json.at("parts")) tensor.parts.push_back(parse_span(part, plan, tensor.name));
  }
  if (tensor.parts.empty() || tensor.parts[0].cols < 1) refuse(tensor.name, "it has no source");
  for (const Span & part : tensor.parts) {
    if (part.cols != tensor.parts[0].cols) refuse(tensor.name, "stacked parts differ in width");
    tensor.staged_rows += part.rows;
  }
  tensor.staged_cols = tensor.parts[0].cols;
  tensor.transposed = json.at("transposed").get<bool>();
  if (tensor.transposed) std::swap(tensor.staged_rows, tensor.staged_cols);
}

std::vector<float> parse_floats(const std::vector<uint8_t> & blob) {
  std::vector<float> values(blob.size() / sizeof(float));
  if (values.size() * sizeof(float) != blob.size()) refuse("importance", "it is no whole number of floats");
  std::memcpy(values.data(), blob.data(), blob.size());
  if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); })) refuse("importance", "it holds NaN or infinity");
  return values;
}

void parse_importance(const Json & json, const Lowered & plan, const Tensor & tensor, Target & target) {
  target.importance = json.at("first").get<int64_t>();
  target.slice_rows = count(json, "rows", tensor.name);
  const auto floats = static_cast<int64_t>(plan.importance.size());
  if (tensor.rows % target.slice_rows != 0) refuse(tensor.name, "its importance does not divide its rows");
  const int64_t wanted = tensor.rows / target.slice_rows * tensor.cols;
  if (target.importance < 0 || target.importance > floats || wanted > floats - target.importance) refuse(tensor.name, "its importance ends outside");
}

Target parse_target(const Json & json, const Lowered & plan, const std::vector<std::vector<uint8_t>> & headers, const Tensor & tensor) {
  Target target;
  target.output = index_of(json, "out", plan.outputs.size(), tensor.name);
  target.type = tensor_type(json, tensor.cols, tensor.name);
  target.offset = json.at("offset").get<int64_t>();
  const Output & output = plan.outputs[target.output];
  if (!output.measures()) {
    const int64_t bytes = tensor.rows * static_cast<int64_t>(ggml_row_size(target.type, tensor.cols));
    const auto header = static_cast<int64_t>(headers[target.output].size());
    if (target.offset < header || target.offset > output.bytes || bytes > output.bytes - target.offset) {
      refuse(tensor.name, "it ends outside its output");
    }
    if (tensor.copies(target.type)) return target;
  }
  if (json.contains("importance")) parse_importance(json.at("importance"), plan, tensor, target);
  target.feedback = json.value("feedback", false);
  if (target.feedback && tensor.feedback.rows == 0) refuse(tensor.name, "it has no feedback factor");
  if (!quant::can_encode(target.type, target.importance >= 0)) refuse(tensor.name, std::string("cannot be written as ") + ggml_type_name(target.type));
  for (const Span & part : tensor.parts) {
    if (!quant::can_decode(part.type)) refuse(tensor.name, std::string("cannot be read from ") + ggml_type_name(part.type));
  }
  return target;
}

Tensor parse_tensor(const Json & json, const Lowered & plan, const std::vector<std::vector<uint8_t>> & headers) {
  Tensor tensor;
  tensor.name = json.at("name").get<std::string>();
  tensor.rows = count(json, "rows", tensor.name);
  tensor.cols = count(json, "cols", tensor.name);
  check_matrix(tensor.rows, tensor.cols, tensor.name);
  parse_first(json, plan, tensor);
  for (const Json & step : json.at("steps")) tensor.steps.push_back(parse_step(step, plan, tensor));
  if (tensor.rows * tensor.cols != tensor.staged_rows * tensor.staged_cols) refuse(tensor.name, "its steps give another number of elements");
  if (json.contains("feedback")) {
    // Rows of whole blocks of every type that takes it.
    if (tensor.cols % FEEDBACK_COLS != 0) refuse(tensor.name, "its rows are too odd for feedback");
    tensor.feedback = parse_other(json.at("feedback"), plan, tensor.cols, tensor.cols, tensor.name);
  }
  for (const Json & target : json.at("to")) tensor.to.push_back(parse_target(target, plan, headers, tensor));
  return tensor;
}

int64_t span_bytes(const Span & span) { return span.source < 0 ? 0 : span.rows * span.row_bytes(); }

}  // namespace

int64_t Table::at(int64_t index) const {
  const auto run = std::upper_bound(before.begin(), before.end(), index) - before.begin() - 1;
  return starts[run] + (index - before[run]);
}

bool Tensor::copies(ggml_type type) const {
  for (const Step & step : steps) {
    if (step.op != Step::Op::rows_table && step.op != Step::Op::rows_rope) return false;
  }
  return !whole() && std::all_of(parts.begin(), parts.end(), [&](const Span & part) { return part.type == type; });
}

int64_t Tensor::source_bytes() const {
  int64_t bytes = 0;
  for (const Span & part : parts) {
    bytes += span_bytes(part);
  }
  for (const Step & step : steps) {
    bytes += span_bytes(step.blend.other);
    for (const Term & term : step.delta.terms) bytes += span_bytes(term.a) + span_bytes(term.b) + span_bytes(term.magnitude) + span_bytes(term.full);
  }
  return bytes;
}

Lowered parse_lowered(const Json & json, const std::vector<std::vector<uint8_t>> & headers) {
  try {
    Lowered plan;
    for (const Json & source : json.at("sources")) {
      plan.sources.push_back({source.at("path").get<std::string>(), source.at("size").get<int64_t>(), source.at("mtimeMs").get<double>()});
    }
    for (const Json & table : json.at("tables")) plan.tables.push_back(parse_table(table));
    for (const Json & output : json.at("outputs")) {
      const Json & path = output.at("path");
      plan.outputs.push_back({path.is_null() ? std::string() : path.get<std::string>(), output.at("bytes").get<int64_t>()});
      if (!path.is_null() && plan.outputs.back().measures()) refuse("outputs", "a path is empty");
    }
    if (headers.size() != plan.outputs.size() && headers.size() != plan.outputs.size() + 1) refuse("outputs", "every output needs a header");
    for (size_t i = 0; i < plan.outputs.size(); ++i) {
      if (static_cast<int64_t>(headers[i].size()) > plan.outputs[i].bytes) refuse("outputs", "a header is longer than its file");
    }
    if (headers.size() > plan.outputs.size()) plan.importance = parse_floats(headers.back());
    for (const Json & tensor : json.at("tensors")) plan.tensors.push_back(parse_tensor(tensor, plan, headers));
    return plan;
  } catch (const Json::exception & error) {
    throw Error("TARA_PLAN_INVALID", {{"reason", error.what()}});
  }
}

}  // namespace tara::plan
