#include "plan/block.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "quant/codec.h"
#include "quant/vector_ops.h"

namespace tara::plan {

namespace {

// Rows read in one go may be up to this much more than those wanted.
constexpr int64_t WINDOW_WASTE = 2;

[[noreturn]] void not_finite(const Tensor & tensor, const std::string & reason) {
  throw Error("TARA_TENSOR_NOT_FINITE", {{"tensor", tensor.name}, {"reason", reason}});
}

void check_finite(const Tensor & tensor, uint32_t peak) {
  if (peak >= quant::INFINITY_BITS) not_finite(tensor, "it holds NaN or infinity");
}

template <typename T>
T * sized(std::vector<T> & buffer, int64_t count) {
  if (static_cast<int64_t>(buffer.size()) < count) buffer.resize(static_cast<size_t>(count));
  return buffer.data();
}

// The row before the permutation that undoes Hugging Face's rotary layout: each head's two halves are interleaved.
int64_t rope_source(int64_t row, int64_t rows, int64_t heads) {
  const int64_t width = rows / heads;
  const int64_t head = row / width, in_head = row % width;
  return head * width + (in_head % 2) * (width / 2) + in_head / 2;
}

// Fills scratch.rows: entry i holds the rows wanted before step i, the last one those after all steps.
void trace_rows(const Lowered & plan, const Tensor & tensor, Scratch & scratch, int64_t first, int64_t count) {
  const size_t stages = tensor.steps.size();
  scratch.rows.resize(std::max(scratch.rows.size(), stages + 1));
  auto & wanted = scratch.rows[stages];
  wanted.resize(static_cast<size_t>(count));
  std::iota(wanted.begin(), wanted.end(), first);
  for (size_t i = stages; i-- > 0;) {
    const Step & step = tensor.steps[i];
    auto & before = scratch.rows[i];
    before = scratch.rows[i + 1];
    if (step.op == Step::Op::rows_table) {
      for (int64_t & row : before) row = plan.tables[step.table].at(row);
    } else if (step.op == Step::Op::rows_rope) {
      for (int64_t & row : before) row = rope_source(row, step.rows_in, step.heads);
    }
  }
}

void read_span(const Tensor & tensor, const Span & span, Files & files, uint8_t * into, int64_t first, int64_t count) {
  if (span.source < 0) {
    std::memcpy(into, tensor.values.data() + first * span.cols, static_cast<size_t>(count * span.row_bytes()));
  } else {
    files.read(span.source, into, count * span.row_bytes(), span.offset + first * span.row_bytes());
  }
}

// Rows of one part, in the order wanted, by as few reads as are worth it.
void read_rows(const Tensor & tensor, const Span & span, Files & files, Scratch & scratch, const int64_t * rows, int64_t count, uint8_t * into) {
  const int64_t row_bytes = span.row_bytes();
  const bool in_order = rows[count - 1] - rows[0] == count - 1 && std::is_sorted(rows, rows + count);
  if (in_order) {
    read_span(tensor, span, files, into, rows[0], count);
    return;
  }
  const auto [low, high] = std::minmax_element(rows, rows + count);
  const int64_t window = *high - *low + 1;
  if (window <= count * WINDOW_WASTE) {
    uint8_t * all = sized(scratch.window, window * row_bytes);
    read_span(tensor, span, files, all, *low, window);
    for (int64_t i = 0; i < count; ++i) std::memcpy(into + i * row_bytes, all + (rows[i] - *low) * row_bytes, static_cast<size_t>(row_bytes));
    return;
  }
  for (int64_t i = 0; i < count;) {
    int64_t run = 1;
    while (i + run < count && rows[i + run] == rows[i] + run) ++run;
    read_span(tensor, span, files, into + i * row_bytes, rows[i], run);
    i += run;
  }
}

// A stretch of wanted rows that lie in one part; `rows` become relative to it.
struct Stretch {
  const Span * part;
  int64_t first;
  int64_t count;
};

std::vector<Stretch> split_by_part(const Tensor & tensor, std::vector<int64_t> & rows) {
  std::vector<Stretch> stretches;
  std::vector<int64_t> starts;
  int64_t start = 0;
  for (const Span & part : tensor.parts) {
    starts.push_back(start);
    start += part.rows;
  }
  for (size_t i = 0; i < rows.size(); ++i) {
    const auto index = std::upper_bound(starts.begin(), starts.end(), rows[i]) - starts.begin() - 1;
    rows[i] -= starts[index];
    const Span * part = &tensor.parts[index];
    if (stretches.empty() || stretches.back().part != part) stretches.push_back({part, static_cast<int64_t>(i), 0});
    ++stretches.back().count;
  }
  return stretches;
}

void transpose(const float * from, float * to, int64_t rows, int64_t cols) {
  constexpr int64_t TILE = 32;
  for (int64_t r0 = 0; r0 < rows; r0 += TILE) {
    for (int64_t c0 = 0; c0 < cols; c0 += TILE) {
      const int64_t r1 = std::min(rows, r0 + TILE), c1 = std::min(cols, c0 + TILE);
      for (int64_t r = r0; r < r1; ++r) {
        for (int64_t c = c0; c < c1; ++c) to[c * rows + r] = from[r * cols + c];
      }
    }
  }
}

// The bytes of the wanted rows, parts in turn; gives the stretches that tell their types.
std::vector<Stretch> read_raw(const Tensor & tensor, Files & files, Scratch & scratch, std::vector<int64_t> & rows) {
  auto stretches = split_by_part(tensor, rows);
  int64_t bytes = 0;
  for (const Stretch & stretch : stretches) bytes += stretch.count * stretch.part->row_bytes();
  uint8_t * at = sized(scratch.raw, bytes);
  for (const Stretch & stretch : stretches) {
    read_rows(tensor, *stretch.part, files, scratch, rows.data() + stretch.first, stretch.count, at);
    at += stretch.count * stretch.part->row_bytes();
  }
  return stretches;
}

void decode_raw(const std::vector<Stretch> & stretches, const uint8_t * raw, float * values) {
  for (const Stretch & stretch : stretches) {
    quant::decode(stretch.part->type, raw, values, stretch.count * stretch.part->cols);
    raw += stretch.count * stretch.part->row_bytes();
    values += stretch.count * stretch.part->cols;
  }
}

// Reads the whole matrix, transposes it, and takes the wanted rows of the result.
void read_transposed(const Tensor & tensor, Files & files, Scratch & scratch, const std::vector<int64_t> & wanted) {
  const int64_t cols = tensor.parts[0].cols;
  int64_t rows = 0;
  for (const Span & part : tensor.parts) rows += part.rows;
  std::vector<int64_t> all(static_cast<size_t>(rows));
  std::iota(all.begin(), all.end(), 0);
  const auto stretches = read_raw(tensor, files, scratch, all);
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

void take_columns(const Table & table, Scratch & scratch, int64_t count, int64_t cols) {
  const float * from = scratch.values.data();
  float * to = sized(scratch.spare, count * table.length);
  for (int64_t row = 0; row < count; ++row, from += cols) {
    for (size_t run = 0; run < table.starts.size(); ++run) {
      const int64_t end = run + 1 < table.before.size() ? table.before[run + 1] : table.length;
      to = std::copy_n(from + table.starts[run], end - table.before[run], to);
    }
  }
  std::swap(scratch.values, scratch.spare);
}

void add_delta(const Factors & factors, const std::vector<int64_t> & rows, float * values, int64_t cols) {
  for (const int64_t row : rows) {
    quant::add_low_rank(values, cols, factors.left.data() + row * factors.rank, factors.rank, factors.right.data(), cols);
    values += cols;
  }
}

void apply_steps(const Lowered & plan, const Tensor & tensor, TensorState & state, Files & files, Scratch & scratch, int64_t count) {
  for (size_t i = 0; i < tensor.steps.size(); ++i) {
    const Step & step = tensor.steps[i];
    switch (step.op) {
      case Step::Op::rows_table:
      case Step::Op::rows_rope:
        break;  // the rows were read in their new order
      case Step::Op::cols:
        take_columns(plan.tables[step.table], scratch, count, step.cols_in);
        break;
      case Step::Op::affine:
        quant::affine(scratch.values.data(), count * step.cols_in, step.scale, step.offset);
        break;
      case Step::Op::delta:
        add_delta(state.factors(tensor, files)[i], scratch.rows[i], scratch.values.data(), step.cols_in);
        break;
    }
  }
}

std::vector<float> decoded(const Span & span, Files & files) {
  std::vector<uint8_t> raw(static_cast<size_t>(span.rows * span.row_bytes()));
  files.read(span.source, raw.data(), static_cast<int64_t>(raw.size()), span.offset);
  std::vector<float> values(static_cast<size_t>(span.rows * span.cols));
  quant::decode(span.type, raw.data(), values.data(), span.rows * span.cols);
  return values;
}

Factors load_factors(const Step & step, Files & files) {
  Factors factors;
  for (const Term & term : step.terms) factors.rank += term.a.rows;
  factors.left.resize(static_cast<size_t>(step.rows_in * factors.rank));
  factors.right.resize(static_cast<size_t>(factors.rank * step.cols_in));
  int64_t k0 = 0;
  for (const Term & term : step.terms) {
    const int64_t rank = term.a.rows;
    const std::vector<float> a = decoded(term.a, files), b = decoded(term.b, files);
    // a is [rank, x], b is [y, rank]; a transposed delta swaps which of them carries the rows.
    for (int64_t row = 0; row < step.rows_in; ++row) {
      for (int64_t k = 0; k < rank; ++k) {
        const float value = term.transposed ? a[k * step.rows_in + row] : b[row * rank + k];
        factors.left[row * factors.rank + k0 + k] = term.factor * value;
      }
    }
    for (int64_t k = 0; k < rank; ++k) {
      float * right = factors.right.data() + (k0 + k) * step.cols_in;
      for (int64_t col = 0; col < step.cols_in; ++col) right[col] = term.transposed ? b[col * rank + k] : a[k * step.cols_in + col];
    }
    k0 += rank;
  }
  return factors;
}

// Rows [first, first + count) of scratch.values to scratch.encoded, each slice of rows with its own importance.
void encode_rows(const Lowered & plan, const Tensor & tensor, const Target & target, Scratch & scratch, int64_t first, int64_t count, uint32_t peak) {
  const auto row_bytes = static_cast<int64_t>(ggml_row_size(target.type, tensor.cols));
  const int64_t slice_rows = target.importance < 0 ? tensor.rows : target.slice_rows;
  float * spare = sized(scratch.spare, tensor.cols);
  for (int64_t done = 0; done < count;) {
    const int64_t slice = (first + done) / slice_rows;
    const int64_t rows = std::min(count - done, (slice + 1) * slice_rows - (first + done));
    const float * importance = target.importance < 0 ? nullptr : plan.importance.data() + target.importance + slice * tensor.cols;
    const float * from = scratch.values.data() + done * tensor.cols;
    if (quant::encode(target.type, from, scratch.encoded.data() + done * row_bytes, rows, tensor.cols, importance, peak, spare) != quant::Encoded::ok) {
      not_finite(tensor, std::string("its values are too large for ") + ggml_type_name(target.type));
    }
    done += rows;
  }
}

}  // namespace

int64_t Scratch::bytes() const {
  size_t total = raw.capacity() + window.capacity() + encoded.capacity() + (values.capacity() + spare.capacity()) * sizeof(float);
  for (const auto & list : rows) total += list.capacity() * sizeof(int64_t);
  return static_cast<int64_t>(total);
}

const std::vector<Factors> & TensorState::factors(const Tensor & tensor, Files & files) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!loaded_) {
    factors_.resize(tensor.steps.size());
    int64_t bytes = 0;
    for (size_t i = 0; i < tensor.steps.size(); ++i) {
      if (tensor.steps[i].op == Step::Op::delta) factors_[i] = load_factors(tensor.steps[i], files);
      bytes += factors_[i].bytes();
    }
    factor_bytes_ = bytes;
    loaded_ = true;
  }
  return factors_;
}

bool TensorState::block_done(int64_t blocks) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (++done_ < blocks) return false;
  factors_ = {};
  factor_bytes_ = 0;
  return true;
}

int64_t block_rows(const Tensor & tensor, int64_t values) {
  if (tensor.whole()) return tensor.rows;
  const int64_t rows = std::max<int64_t>(1, values / tensor.staged_cols);
  for (const Step & step : tensor.steps) {
    if (step.op != Step::Op::rows_rope) continue;
    // A block of whole heads reads one contiguous stretch.
    const int64_t head = step.rows_in / step.heads;
    if (head <= 4 * rows) return std::min(tensor.rows, (rows + head - 1) / head * head);
  }
  return std::min(tensor.rows, rows);
}

void run_block(const Lowered & plan, const Tensor & tensor, TensorState & state, Files & files, Scratch & scratch, int64_t first, int64_t count) {
  // A tensor made in one piece may have another shape before it is written.
  const int64_t staged_first = tensor.whole() ? 0 : first;
  const int64_t staged_count = tensor.whole() ? tensor.staged_rows : count;
  trace_rows(plan, tensor, scratch, staged_first, staged_count);

  const bool decodable = std::all_of(tensor.parts.begin(), tensor.parts.end(), [](const Span & part) { return quant::can_decode(part.type); });
  if (tensor.transposed) {
    read_transposed(tensor, files, scratch, scratch.rows[0]);
  } else {
    // Steps look at the rows of their own stage, so the first stage's list may be made relative.
    std::vector<int64_t> source_rows = scratch.rows[0];
    const auto stretches = read_raw(tensor, files, scratch, source_rows);
    if (decodable) decode_raw(stretches, scratch.raw.data(), sized(scratch.values, staged_count * tensor.parts[0].cols));
  }

  uint32_t peak = 0;
  if (decodable) {
    apply_steps(plan, tensor, state, files, scratch, staged_count);
    peak = quant::peak_bits(scratch.values.data(), count * tensor.cols);
    check_finite(tensor, peak);
  }
  for (const Target & target : tensor.to) {
    const auto row_bytes = static_cast<int64_t>(ggml_row_size(target.type, tensor.cols));
    const int64_t bytes = count * row_bytes;
    const uint8_t * from = scratch.raw.data();
    if (!tensor.copies(target.type)) {
      from = sized(scratch.encoded, bytes);
      encode_rows(plan, tensor, target, scratch, first, count, peak);
    }
    files.outputs[target.output]->write(from, static_cast<size_t>(bytes), target.offset + first * row_bytes);
    files.bytes_written.fetch_add(bytes, std::memory_order_relaxed);
  }
}

}  // namespace tara::plan
