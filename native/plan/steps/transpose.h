// Turning a matrix: the step that needs all of it.
#pragma once

#include <cstdint>
#include <vector>

namespace tara::plan {

// to[c, r] = from[r, c]
void transpose(const float * from, float * to, int64_t rows, int64_t cols);
std::vector<float> transposed(const std::vector<float> & from, int64_t rows, int64_t cols);

}  // namespace tara::plan
