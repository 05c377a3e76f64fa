#include "plan/steps/transpose.h"

#include <algorithm>

namespace tara::plan {

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

std::vector<float> transposed(const std::vector<float> & from, int64_t rows, int64_t cols) {
  std::vector<float> to(from.size());
  transpose(from.data(), to.data(), rows, cols);
  return to;
}

}  // namespace tara::plan
