// Products of low-rank factors, tile by tile, in float32. Sums run over the rank in its order, so that an element
// has the same bits in every tile and for every instruction set.
#pragma once

#include <cstdint>

namespace tara::plan {

constexpr int64_t LOW_RANK_ROWS = 4;

// out[i, j] = sum over k of left[i][k] * right[k * stride + j] for up to LOW_RANK_ROWS rows; `out` is [rows, cols].
void low_rank(const float * const * left, int64_t rows, int64_t rank, const float * right, int64_t stride, int64_t cols, float * out);

}  // namespace tara::plan
