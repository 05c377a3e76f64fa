// Symmetric positive matrices in double, the lower triangle row after row, and their Cholesky factors.
#pragma once

#include <cstddef>
#include <vector>

namespace tara::measure {

using Triangle = std::vector<double>;

// Where row `row` begins: it has its entries 0..row.
constexpr size_t row_start(size_t row) { return row * (row + 1) / 2; }

// Summed in lanes, so that every instruction set gives the same result.
float dot(const float * a, const float * b, size_t length);

// Cholesky's L, in place. Throws TARA_LOGITS_INVALID for a matrix that is not positive, or holds what is no number.
void factorize(Triangle & m, size_t size);

// From L the inverse of L L^T, in place.
void invert(Triangle & l, size_t size);

// x with L L^T x = y, in place.
void substitute(const Triangle & l, size_t size, double * y);

}  // namespace tara::measure
