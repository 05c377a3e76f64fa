// Symmetric matrices as the rows of their lower triangle, and their Cholesky factors.
#pragma once

#include <cstddef>
#include <vector>

namespace tara::measure {

// Where row `row` begins: it has its entries 0..row.
constexpr size_t row_start(size_t row) { return row * (row + 1) / 2; }

float dot(const float * a, const float * b, size_t length);

// Cholesky's L of the packed lower triangle, in place. Throws TARA_LOGITS_INVALID for one that is not positive definite.
void factorize(std::vector<double> & m, size_t size);

// x with L L^T x = y, in place.
void substitute(const std::vector<double> & l, size_t size, std::vector<double> & y);

}  // namespace tara::measure
