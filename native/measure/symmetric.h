// Symmetric positive matrices in double, the lower triangle row after row: row i begins at i (i + 1) / 2.
#pragma once

#include <cstddef>
#include <vector>

namespace tara::measure {

using Triangle = std::vector<double>;

inline size_t row_start(size_t row) { return row * (row + 1) / 2; }

// Cholesky's L, in place. Throws TARA_LOGITS_INVALID for a matrix that is not positive, or holds what is no number.
void factorize(Triangle & m, size_t size);

// From L the inverse of L L^T, in place.
void invert(Triangle & l, size_t size);

// x with L L^T x = y, in place.
void substitute(const Triangle & l, size_t size, double * y);

}  // namespace tara::measure
