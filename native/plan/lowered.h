// A lowered plan: spans, matrices and offsets, as src/plan/lower.ts makes it. No container format, no names to resolve.
// Everything that memory safety depends on is checked here again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/error.h"
#include "ggml.h"

namespace tara::plan {

// rows x cols values in a file, or in `values` when source is -1.
struct Span {
  int source = -1;
  int64_t offset = 0;
  ggml_type type = GGML_TYPE_F32;
  int64_t rows = 0;
  int64_t cols = 0;
  std::string name;  // for messages, of tensors besides the plan tensor's own parts

  int64_t row_bytes() const { return static_cast<int64_t>(ggml_row_size(type, cols)); }
};

// [start, count] runs and the number of indices before each run.
struct Table {
  std::vector<int64_t> starts;
  std::vector<int64_t> before;
  int64_t length = 0;
  int64_t highest = 0;

  int64_t at(int64_t index) const;
};

// What an adapter adds to W. Low rank: scale * b a, with a [rank, cols] and b [rows, rank]; with a magnitude (DoRA)
// magnitude * (W + scale * b a) / its norm - W, by rows. Full: another tensor - W.
// transposed: the low-rank product, or the full tensor, stands in its file as [cols, rows].
struct Term {
  double weight = 1;
  double scale = 1;
  bool transposed = false;
  Span a;
  Span b;
  Span magnitude;  // rows is 0 where there is none
  Span full;       // likewise

  bool is_full() const { return full.rows > 0; }
  bool is_dora() const { return magnitude.rows > 0; }
};

// How terms become one delta: W + scale * merged.
struct Delta {
  enum class Method { sum, ties, dare, dare_ties };
  Method method = Method::sum;
  double density = 1;
  double scale = 1;
  uint32_t seed = 0;
  std::vector<Term> terms;
};

struct Blend {
  bool slerp = false;
  double t = 0;
  bool transposed = false;
  Span other;
};

struct Step {
  enum class Op { rows_table, rows_rope, cols, affine, delta, blend };
  Op op = Op::affine;
  int table = -1;
  int64_t heads = 0;
  float scale = 1;
  float offset = 0;
  bool half = false;  // the result is rounded to float16
  Delta delta;
  Blend blend;
  // The matrix before the step.
  int64_t rows_in = 0;
  int64_t cols_in = 0;
};

struct Target {
  int output = 0;
  ggml_type type = GGML_TYPE_F32;
  int64_t offset = 0;  // absolute in the file
  // Where the importance of the columns begins in Lowered::importance, or -1; each slice of rows (an expert) has its own.
  int64_t importance = -1;
  int64_t slice_rows = 0;
  // Rounded, and its errors measured, with the tensor's feedback factor.
  bool feedback = false;
};

struct Tensor {
  std::string name;
  std::vector<Span> parts;  // stacked row-wise, all of the same width
  std::vector<float> values;
  bool transposed = false;  // right after reading
  std::vector<Step> steps;
  int64_t rows = 0;  // as written
  int64_t cols = 0;
  int64_t staged_rows = 0;  // after the last step
  int64_t staged_cols = 0;
  Span feedback;  // its factor, [cols, cols]; rows is 0 where there is none
  std::vector<Target> to;

  int64_t source_bytes() const;
  // Made in one piece: a transpose needs every row, and so does a change of the row length.
  bool whole() const { return transposed || staged_cols != cols; }
  // Whether the sources' bytes can go into `type` as they are: nothing but rows changes and every part has it already.
  bool copies(ggml_type type) const;
};

struct Source {
  std::string path;
  int64_t size = 0;
  double mtime_ms = 0;
};

struct Output {
  std::string path;  // none: nothing is written, the output only measures
  int64_t bytes = 0;

  bool measures() const { return path.empty(); }
};

struct Lowered {
  std::vector<Source> sources;
  std::vector<Table> tables;
  std::vector<Output> outputs;
  std::vector<Tensor> tensors;
  std::vector<float> importance;
};

// Throws TARA_PLAN_INVALID. `headers` are the outputs' first bytes, which tensors must not touch (nothing where one only measures); after them may come the
// importance of all targets as one blob of float32.
Lowered parse_lowered(const Json & json, const std::vector<std::vector<uint8_t>> & headers);

}  // namespace tara::plan
