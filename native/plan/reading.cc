#include "plan/reading.h"

#include <algorithm>
#include <cstring>

#include "quant/codec.h"
#include "quant/vector_ops.h"

namespace tara::plan {

namespace {

// Rows read in one go may be up to this much more than those wanted.
constexpr int64_t WINDOW_WASTE = 2;

// Reads rows [first, first + count) of a span.
struct Source {
  const Span & span;
  const std::vector<float> * values;  // of a span that stands in the plan itself
  Files & files;

  void read(uint8_t * into, int64_t first, int64_t count) const {
    if (span.source < 0) {
      std::memcpy(into, values->data() + first * span.cols, static_cast<size_t>(count * span.row_bytes()));
    } else {
      files.read(span.source, into, count * span.row_bytes(), span.offset + first * span.row_bytes());
    }
  }
};

// Rows in the order wanted, by as few reads as are worth it.
void read_rows(const Source & source, std::vector<uint8_t> & window_buffer, const int64_t * rows, int64_t count, uint8_t * into) {
  const int64_t row_bytes = source.span.row_bytes();
  const bool in_order = std::adjacent_find(rows, rows + count, [](int64_t a, int64_t b) { return b != a + 1; }) == rows + count;
  if (in_order) {
    source.read(into, rows[0], count);
    return;
  }
  const auto [low, high] = std::minmax_element(rows, rows + count);
  const int64_t window = *high - *low + 1;
  if (window <= count * WINDOW_WASTE) {
    uint8_t * all = sized(window_buffer, window * row_bytes);
    source.read(all, *low, window);
    for (int64_t i = 0; i < count; ++i) std::memcpy(into + i * row_bytes, all + (rows[i] - *low) * row_bytes, static_cast<size_t>(row_bytes));
    return;
  }
  for (int64_t i = 0; i < count;) {
    int64_t run = 1;
    while (i + run < count && rows[i + run] == rows[i] + run) ++run;
    source.read(into + i * row_bytes, rows[i], run);
    i += run;
  }
}

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

void check_finite(const Span & span, Files & files, const float * values, int64_t n) {
  if (quant::peak_bits(values, n) < quant::INFINITY_BITS) return;
  throw Error("TARA_TENSOR_NOT_FINITE", {{"tensor", span.name}, {"reason", "it holds NaN or infinity, in " + files.sources[span.source]->path()}});
}

}  // namespace

std::vector<Stretch> read_raw(const Tensor & tensor, Files & files, Scratch & scratch, std::vector<int64_t> & rows) {
  auto stretches = split_by_part(tensor, rows);
  int64_t bytes = 0;
  for (const Stretch & stretch : stretches) bytes += stretch.count * stretch.part->row_bytes();
  uint8_t * at = sized(scratch.raw, bytes);
  for (const Stretch & stretch : stretches) {
    read_rows({*stretch.part, &tensor.values, files}, scratch.window, rows.data() + stretch.first, stretch.count, at);
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

void read_other(const Span & span, Files & files, Scratch & scratch, const int64_t * rows, int64_t count, float * into) {
  uint8_t * raw = sized(scratch.other_raw, count * span.row_bytes());
  read_rows({span, nullptr, files}, scratch.window, rows, count, raw);
  quant::decode(span.type, raw, into, count * span.cols);
  check_finite(span, files, into, count * span.cols);
}

std::vector<float> read_whole(const Span & span, Files & files) {
  std::vector<uint8_t> raw(static_cast<size_t>(span.rows * span.row_bytes()));
  files.read(span.source, raw.data(), static_cast<int64_t>(raw.size()), span.offset);
  std::vector<float> values(static_cast<size_t>(span.rows * span.cols));
  quant::decode(span.type, raw.data(), values.data(), span.rows * span.cols);
  check_finite(span, files, values.data(), span.rows * span.cols);
  return values;
}

}  // namespace tara::plan
