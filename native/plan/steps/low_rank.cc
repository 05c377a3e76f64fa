#include "plan/steps/low_rank.h"

#include <algorithm>

#include "quant/clones.h"

namespace tara::plan {

namespace {

// Two columns of the left factor at a time: a sum is loaded and stored once for both.
TARA_CLONES void add_two(float * __restrict sums, const float * __restrict c0, const float * __restrict c1, float l0, float l1, int64_t n) {
  for (int64_t j = 0; j < n; ++j) sums[j] += l0 * c0[j] + l1 * c1[j];
}

TARA_CLONES void add_one(float * __restrict sums, const float * __restrict c0, float l0, int64_t n) {
  for (int64_t j = 0; j < n; ++j) sums[j] += l0 * c0[j];
}

// The same for four rows, which share what is loaded of the right factor.
TARA_CLONES void add_two_to_four(float * __restrict s0, float * __restrict s1, float * __restrict s2, float * __restrict s3,
                                 const float * __restrict c0, const float * __restrict c1, const float * l0, const float * l1, int64_t n) {
  const float a0 = l0[0], a1 = l0[1], a2 = l0[2], a3 = l0[3];
  const float b0 = l1[0], b1 = l1[1], b2 = l1[2], b3 = l1[3];
  for (int64_t j = 0; j < n; ++j) {
    s0[j] += a0 * c0[j] + b0 * c1[j];
    s1[j] += a1 * c0[j] + b1 * c1[j];
    s2[j] += a2 * c0[j] + b2 * c1[j];
    s3[j] += a3 * c0[j] + b3 * c1[j];
  }
}

}  // namespace

void low_rank(const float * const * left, int64_t rows, int64_t rank, const float * right, int64_t stride, int64_t cols, float * out) {
  std::fill(out, out + rows * cols, 0.0f);
  int64_t k = 0;
  for (; k + 2 <= rank; k += 2) {
    const float * c0 = right + k * stride;
    const float * c1 = c0 + stride;
    if (rows == 4) {
      const float l0[4] = {left[0][k], left[1][k], left[2][k], left[3][k]};
      const float l1[4] = {left[0][k + 1], left[1][k + 1], left[2][k + 1], left[3][k + 1]};
      add_two_to_four(out, out + cols, out + 2 * cols, out + 3 * cols, c0, c1, l0, l1, cols);
    } else {
      for (int64_t i = 0; i < rows; ++i) add_two(out + i * cols, c0, c1, left[i][k], left[i][k + 1], cols);
    }
  }
  if (k < rank) {
    for (int64_t i = 0; i < rows; ++i) add_one(out + i * cols, right + k * stride, left[i][k], cols);
  }
}

}  // namespace tara::plan
