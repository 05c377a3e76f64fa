// Products of float32 matrices, on the calling thread: C[m x n] (+)= A[m x k] B[k x n]. Sums are made in the same order
// for any split of m, and multiply-adds are fused, so that results differ between instruction sets in the last bits.
#pragma once

#include <cstddef>
#include <vector>

namespace tara::train {

// A(i, p) = data[i * row + p * col]: a matrix or its transpose.
struct Left {
  const float * data;
  size_t row;
  size_t col;
};

// B in panels of 16 columns, each row by row, the last one filled up with zeros: what is read again and again lies in a row.
constexpr size_t PANEL = 16;
struct Panels {
  size_t k = 0;
  size_t n = 0;
  std::vector<float> data;

  void resize(size_t rows, size_t columns);
  float * panel(size_t index) { return data.data() + index * k * PANEL; }
  const float * panel(size_t index) const { return data.data() + index * k * PANEL; }
};

void multiply(Left a, const Panels & b, float * c, size_t c_row, size_t m, bool add);

// B row by row, each `b_row` floats after the one before.
void multiply(Left a, const float * b, size_t b_row, float * c, size_t c_row, size_t m, size_t n, size_t k, bool add);

}  // namespace tara::train
