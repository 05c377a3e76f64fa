#include "plan/block.h"

#include <algorithm>
#include <numeric>

#include "plan/reading.h"
#include "plan/steps/transpose.h"
#include "quant/codec.h"
#include "quant/vector_ops.h"

namespace tara::plan {

namespace {

constexpr int64_t BLOCK_VALUES = 64 * 1024;       // 256 KiB of float32: stays in the second cache
constexpr int64_t STATISTIC_VALUES = 512 * 1024;  // large beside a histogram

[[noreturn]] void not_finite(const Tensor & tensor, const std::string & reason) {
  throw Error("TARA_TENSOR_NOT_FINITE", {{"tensor", tensor.name}, {"reason", reason}});
}

// Rows in a block that is written.
int64_t block_rows(const Tensor & tensor) {
  if (tensor.whole()) return tensor.rows;
  const int64_t rows = std::max<int64_t>(1, BLOCK_VALUES / tensor.staged_cols);
  for (const Step & step : tensor.steps) {
    if (step.op != Step::Op::rows_rope) continue;
    // A block of whole heads reads one contiguous stretch.
    const int64_t head = step.rows_in / step.heads;
    if (head <= 4 * rows) return std::min(tensor.rows, (rows + head - 1) / head * head);
  }
  // Rounding with feedback takes so many rows at once.
  return std::min(tensor.rows, tensor.feedback.rows > 0 ? std::max(rows / quant::FEEDBACK_ROWS, int64_t{1}) * quant::FEEDBACK_ROWS : rows);
}

// Rows that one item of a statistic looks at.
int64_t statistic_rows(const Tensor & tensor, const Step & step, bool values) {
  if (values && tensor.whole()) return step.rows_in;
  return std::clamp<int64_t>(STATISTIC_VALUES / step.cols_in, 1, step.rows_in);
}

// Calls f(first row of scratch, rows, importance of their columns or null) for each stretch of rows [first, first + count) with one importance.
template <typename F>
void each_slice(const Lowered & plan, const Tensor & tensor, const Target & target, int64_t first, int64_t count, F && f) {
  const int64_t slice_rows = target.importance < 0 ? tensor.rows : target.slice_rows;
  for (int64_t done = 0; done < count;) {
    const int64_t slice = (first + done) / slice_rows;
    const int64_t rows = std::min(count - done, (slice + 1) * slice_rows - (first + done));
    f(done, rows, target.importance < 0 ? nullptr : plan.importance.data() + target.importance + slice * tensor.cols);
    done += rows;
  }
}

// Importance as weights: every column counts 1 without one.
const float * weights_of(const float * importance, Scratch & scratch, int64_t cols) {
  if (importance != nullptr) return importance;
  float * ones = sized(scratch.ones, cols);
  std::fill_n(ones, cols, 1.0f);
  return ones;
}

Measurement measurement_of(const Lowered & plan, const Tensor & tensor) {
  std::vector<int> outputs;
  for (const Target & target : tensor.to) {
    if (plan.outputs[target.output].measures()) outputs.push_back(target.output);
  }
  if (outputs.empty()) return {};
  const int64_t rows = block_rows(tensor);
  return {tensor.name, std::move(outputs), (tensor.rows + rows - 1) / rows};
}

}  // namespace

TensorRun::TensorRun(const Lowered & plan, const Tensor & tensor)
    : plan_(plan), tensor_(tensor), decodable_(std::all_of(tensor.parts.begin(), tensor.parts.end(), [](const Span & part) { return quant::can_decode(part.type); })),
      measurement_(measurement_of(plan, tensor)) {
  for (size_t i = 0; i < tensor.steps.size(); ++i) steps_.push_back(make_step(plan, tensor, i));
  const bool loads = std::any_of(steps_.begin(), steps_.end(), [](const auto & step) { return step->loads(); });
  if (loads || tensor.feedback.rows > 0) phases_.push_back({Phase::Kind::load});
  for (size_t i = 0; i < steps_.size(); ++i) {
    const Step & step = tensor.steps[i];
    for (int pass = 0; pass < steps_[i]->passes(); ++pass) {
      phases_.push_back({Phase::Kind::look, i, pass, step.rows_in, statistic_rows(tensor, step, steps_[i]->looks_at_values())});
    }
  }
  phases_.push_back({Phase::Kind::write, 0, 0, tensor.rows, block_rows(tensor)});
}

void TensorRun::work(const Phase & phase, Files & files, Scratch & scratch, int64_t first, int64_t count) {
  switch (phase.kind) {
    case Phase::Kind::load:
      load(files);
      break;
    case Phase::Kind::look:
      look(phase, files, scratch, first, count);
      break;
    case Phase::Kind::write:
      write(files, scratch, first, count);
      break;
  }
}

void TensorRun::settle(const Phase & phase) {
  if (phase.kind == Phase::Kind::look) steps_[phase.step]->settle(phase.pass);
}

void TensorRun::load(Files & files) {
  for (const auto & step : steps_) step->load(files);
  if (tensor_.feedback.rows > 0) factor_.emplace(read_whole(tensor_.feedback, files), tensor_.cols);
}

int64_t TensorRun::bytes() const {
  return std::accumulate(steps_.begin(), steps_.end(), factor_ ? factor_->bytes() : int64_t{0}, [](int64_t sum, const auto & step) { return sum + step->bytes(); });
}

// Rows [first, first + count) as they are before step `stage`, in scratch.values; scratch.rows[i] are those wanted before step i.
void TensorRun::make_rows(size_t stage, Files & files, Scratch & scratch, int64_t first, int64_t count) {
  scratch.rows.resize(std::max(scratch.rows.size(), stage + 1));
  scratch.rows[stage].resize(static_cast<size_t>(count));
  std::iota(scratch.rows[stage].begin(), scratch.rows[stage].end(), first);
  for (size_t i = stage; i-- > 0;) {
    scratch.rows[i] = scratch.rows[i + 1];
    steps_[i]->trace(scratch.rows[i]);
  }
  if (tensor_.transposed) {
    read_transposed(files, scratch);
  } else {
    read(files, scratch, count);
  }
  if (!decodable_) return;
  for (size_t i = 0; i < stage; ++i) steps_[i]->apply({scratch.rows[i].data(), count, files, scratch});
}

void TensorRun::read(Files & files, Scratch & scratch, int64_t count) {
  // Steps look at the rows of their own stage, so these must be made relative in a copy.
  std::vector<int64_t> source_rows = scratch.rows[0];
  const auto stretches = read_raw(tensor_, files, scratch, source_rows);
  if (decodable_) decode_raw(stretches, scratch.raw.data(), sized(scratch.values, count * tensor_.parts[0].cols));
}

// Reads the whole matrix, transposes it, and takes the wanted rows of the result.
void TensorRun::read_transposed(Files & files, Scratch & scratch) {
  const std::vector<int64_t> & wanted = scratch.rows[0];
  const int64_t cols = tensor_.parts[0].cols;
  int64_t rows = 0;
  for (const Span & part : tensor_.parts) rows += part.rows;
  std::vector<int64_t> all(static_cast<size_t>(rows));
  std::iota(all.begin(), all.end(), 0);
  const auto stretches = read_raw(tensor_, files, scratch, all);
  float * plain = sized(scratch.spare, rows * cols);
  decode_raw(stretches, scratch.raw.data(), plain);
  const auto count = static_cast<int64_t>(wanted.size());
  float * turned = sized(scratch.values, std::max(count, cols) * rows);
  transpose(plain, turned, rows, cols);
  bool identity = count == cols;
  for (int64_t i = 0; identity && i < count; ++i) identity = wanted[i] == i;
  if (identity) return;
  float * picked = sized(scratch.spare, count * rows);
  for (int64_t i = 0; i < count; ++i) std::copy_n(turned + wanted[i] * rows, rows, picked + i * rows);
  std::swap(scratch.values, scratch.spare);
}

void TensorRun::look(const Phase & phase, Files & files, Scratch & scratch, int64_t first, int64_t count) {
  StepRun & step = *steps_[phase.step];
  if (step.looks_at_values()) {
    make_rows(phase.step, files, scratch, first, count);
    step.look(phase.pass, {scratch.rows[phase.step].data(), count, files, scratch});
    return;
  }
  std::vector<int64_t> rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), first);
  step.look(phase.pass, {rows.data(), count, files, scratch});
}

bool TensorRun::feeds_back(const Target & target) const { return target.feedback && quant::takes_feedback(target.type); }

quant::Encoded TensorRun::encode_rows(const Target & target, const float * from, uint8_t * to, int64_t rows, const float * importance, uint32_t peak, Scratch & scratch, double * loss) const {
  if (feeds_back(target)) return quant::encode_with_feedback(target.type, from, to, rows, *factor_, peak, scratch.lanes, loss);
  return quant::encode(target.type, from, to, rows, tensor_.cols, importance, peak, sized(scratch.spare, tensor_.cols));
}

// Rows [first, first + count) of scratch.values to scratch.encoded, each slice of rows with its own importance.
void TensorRun::encode(const Target & target, Scratch & scratch, int64_t first, int64_t count, uint32_t peak) const {
  const int64_t cols = tensor_.cols;
  const auto row_bytes = static_cast<int64_t>(ggml_row_size(target.type, cols));
  each_slice(plan_, tensor_, target, first, count, [&](int64_t at, int64_t rows, const float * importance) {
    if (encode_rows(target, scratch.values.data() + at * cols, scratch.encoded.data() + at * row_bytes, rows, importance, peak, scratch) != quant::Encoded::ok) {
      not_finite(tensor_, std::string("its values are too large for ") + ggml_type_name(target.type));
    }
  });
}

void TensorRun::measure_squares(Scratch & scratch, int64_t first, int64_t count) {
  const int64_t cols = tensor_.cols;
  // All measured targets weigh columns alike; one of them may be the only one.
  const auto target = std::find_if(tensor_.to.begin(), tensor_.to.end(), [&](const Target & one) { return plan_.outputs[one.output].measures(); });
  each_slice(plan_, tensor_, *target, first, count, [&](int64_t at, int64_t rows, const float * importance) {
    measurement_.add_squares(first / block_rows(tensor_), weighted_squares(scratch.values.data() + at * cols, weights_of(importance, scratch, cols), rows, cols));
  });
}

// Rows [first, first + count) of scratch.values as the target's type would give them back.
void TensorRun::measure(const Target & target, size_t measured, Scratch & scratch, int64_t first, int64_t count, uint32_t peak) {
  if (tensor_.copies(target.type)) return;  // its bytes would stay
  const int64_t cols = tensor_.cols;
  uint8_t * encoded = sized(scratch.encoded, count * static_cast<int64_t>(ggml_row_size(target.type, cols)));
  float * decoded = sized(scratch.decoded, count * cols);
  each_slice(plan_, tensor_, target, first, count, [&](int64_t at, int64_t rows, const float * importance) {
    const float * values = scratch.values.data() + at * cols;
    Loss loss;
    if (encode_rows(target, values, encoded, rows, importance, peak, scratch, &loss.error) != quant::Encoded::ok) {
      loss.lost = rows * cols;
    } else if (!feeds_back(target)) {
      quant::decode(target.type, encoded, decoded, rows * cols);
      subtract(values, decoded, rows * cols);
      loss.error = target.feedback ? quant::feedback_loss(decoded, rows, *factor_, scratch.lanes) : weighted_squares(decoded, weights_of(importance, scratch, cols), rows, cols);
    }
    measurement_.add(first / block_rows(tensor_), measured, loss);
  });
}

void TensorRun::write(Files & files, Scratch & scratch, int64_t first, int64_t count) {
  const Tensor & tensor = tensor_;
  // A tensor made in one piece may have another shape before it is written.
  make_rows(steps_.size(), files, scratch, tensor.whole() ? 0 : first, tensor.whole() ? tensor.staged_rows : count);
  const uint32_t peak = decodable_ ? quant::peak_bits(scratch.values.data(), count * tensor.cols) : 0;
  if (peak >= quant::INFINITY_BITS) not_finite(tensor, "it holds NaN or infinity");
  if (!measurement_.empty()) measure_squares(scratch, first, count);
  size_t measured = 0;
  for (const Target & target : tensor.to) {
    if (plan_.outputs[target.output].measures()) {
      measure(target, measured++, scratch, first, count, peak);
      continue;
    }
    const auto row_bytes = static_cast<int64_t>(ggml_row_size(target.type, tensor.cols));
    const int64_t bytes = count * row_bytes;
    const uint8_t * from = scratch.raw.data();
    if (!tensor.copies(target.type)) {
      from = sized(scratch.encoded, bytes);
      encode(target, scratch, first, count, peak);
    }
    files.outputs[target.output]->write(from, static_cast<size_t>(bytes), target.offset + first * row_bytes);
    files.bytes_written.fetch_add(bytes, std::memory_order_relaxed);
  }
}

}  // namespace tara::plan
