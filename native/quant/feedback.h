// Rounding with error feedback: a column's rounding error is made up for by the columns that are rounded after it, as far as
// the inputs of the two go together. GPTQ (Frantar et al. 2022) in the form of LDLQ (Chee et al. 2023, "QuIP"):
//   H = M D M^T, the inputs' second moments, with M unit upper triangular and D diagonal; e = w - w' of a row. Then
//   e H e^T = sum_j D_j r_j^2 with r = e M, so that column j is rounded from w_j + sum_{i<j} e_i M_ij, which leaves r_j.
// Only values change: blocks, their scales and codes are those of the type, and the scales come from its stock search, with
// D as importance.
#pragma once

#include <cstdint>
#include <vector>

#include "quant/codec.h"

namespace tara::quant {

// Rows that are rounded at once: whole multiples of them go fastest.
constexpr int64_t FEEDBACK_ROWS = 16;

// M and D of the inputs of a matrix.
class Factor {
 public:
  // `square`: [cols, cols] row by row, D on the diagonal, M above it; what is below is not looked at.
  Factor(const std::vector<float> & square, int64_t cols);

  int64_t cols() const noexcept { return cols_; }
  const float * importance() const noexcept { return importance_.data(); }
  // M's columns [4 p, 4 p + 4), row by row.
  const float * panel(int64_t p) const noexcept { return panels_.data() + p * cols_ * 4; }
  int64_t bytes() const noexcept { return static_cast<int64_t>((panels_.size() + importance_.size()) * sizeof(float)); }

 private:
  int64_t cols_;
  std::vector<float> importance_;
  std::vector<float> panels_;
};

// Types whose columns can be rounded one after the other.
bool takes_feedback(ggml_type type);

// As encode(), of such a type; `scratch` is the caller's, kept from call to call. `loss`, where it is wanted: the sum of e H e^T.
Encoded encode_with_feedback(ggml_type type, const float * from, void * to, int64_t rows, const Factor & factor, uint32_t peak, std::vector<float> & scratch, double * loss = nullptr);

// The sum of e H e^T over rows of errors, whatever made them.
double feedback_loss(const float * errors, int64_t rows, const Factor & factor, std::vector<float> & scratch);

}  // namespace tara::quant
