#include "train/residual.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "train/ops.h"
#include "train/products.h"

namespace tara::train {

namespace {

constexpr size_t MORE = 8;        // directions beyond the rank, which make the last of it exact
constexpr int ITERATIONS = 6;
constexpr int SWEEPS = 30;        // of Jacobi's method; it needs fewer than ten
constexpr double EMPTY = 1e-20;   // squares of a direction that is none, against the first

// Rows become orthonormal, twice for the rounding (modified Gram-Schmidt); those that depend on earlier ones become 0.
void orthonormalize(std::vector<float> & rows, size_t count, size_t size) {
  for (size_t i = 0; i < count; ++i) {
    float * row = &rows[i * size];
    const double before = dot(row, row, size);
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t j = 0; j < i; ++j) {
        const float * other = &rows[j * size];
        const float share = dot(row, other, size);
        for (size_t k = 0; k < size; ++k) row[k] -= share * other[k];
      }
    }
    const double length = dot(row, row, size);
    const float factor = length > EMPTY + 1e-10 * before ? static_cast<float>(1 / std::sqrt(length)) : 0;
    for (size_t k = 0; k < size; ++k) row[k] *= factor;
  }
}

// Eigenvectors of a symmetric matrix, as columns of `vectors`, by Jacobi's rotations; its diagonal becomes the eigenvalues.
void eigen(std::vector<double> & m, std::vector<double> & vectors, size_t n) {
  vectors.assign(n * n, 0);
  for (size_t i = 0; i < n; ++i) vectors[i * n + i] = 1;
  for (int sweep = 0; sweep < SWEEPS; ++sweep) {
    double off = 0, all = 0;
    for (size_t i = 0; i < n; ++i) {
      for (size_t j = 0; j < n; ++j) (i == j ? all : off) += m[i * n + j] * m[i * n + j];
    }
    if (off <= 1e-24 * all) return;
    for (size_t p = 0; p < n; ++p) {
      for (size_t q = p + 1; q < n; ++q) {
        if (m[p * n + q] == 0) continue;
        const double theta = (m[q * n + q] - m[p * n + p]) / (2 * m[p * n + q]);
        const double t = (theta >= 0 ? 1 : -1) / (std::abs(theta) + std::sqrt(theta * theta + 1));
        const double c = 1 / std::sqrt(t * t + 1);
        const double s = t * c;
        for (size_t k = 0; k < n; ++k) {
          const double a = m[k * n + p], b = m[k * n + q];
          m[k * n + p] = c * a - s * b;
          m[k * n + q] = s * a + c * b;
        }
        for (size_t k = 0; k < n; ++k) {
          const double a = m[p * n + k], b = m[q * n + k];
          m[p * n + k] = c * a - s * b;
          m[q * n + k] = s * a + c * b;
          const double x = vectors[k * n + p], y = vectors[k * n + q];
          vectors[k * n + p] = c * x - s * y;
          vectors[k * n + q] = s * x + c * y;
        }
      }
    }
  }
}

}  // namespace

LowRank low_rank(std::vector<float> & difference, size_t rows, size_t columns, const std::vector<float> & scales, size_t rank) {
  LowRank result;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) difference[i * columns + j] *= scales[j];
    result.error += dot(&difference[i * columns], &difference[i * columns], columns);
  }
  const size_t count = std::min({rank + MORE, rows, columns});
  const Left by_rows{difference.data(), columns, 1};
  const Left by_columns{difference.data(), 1, columns};
  // Directions of outputs as rows of `left`, of inputs as rows of `right`.
  std::vector<float> left(count * rows), right(count * columns), turned(std::max(rows, columns) * count);
  std::mt19937_64 random(1);
  for (float & value : right) value = static_cast<float>(static_cast<double>(random() >> 11) * 0x1p-52 - 1);
  const auto transposed = [&](const std::vector<float> & from, size_t size) {
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < size; ++j) turned[j * count + i] = from[i * size + j];
    }
    return turned.data();
  };
  const auto back = [&](std::vector<float> & to, size_t size, const std::vector<float> & from) {
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < size; ++j) to[i * size + j] = from[j * count + i];
    }
  };
  std::vector<float> product(std::max(rows, columns) * count);
  for (int iteration = 0; iteration < ITERATIONS; ++iteration) {
    orthonormalize(right, count, columns);
    multiply(by_rows, transposed(right, columns), count, product.data(), count, rows, count, columns, false);
    back(left, rows, product);
    orthonormalize(left, count, rows);
    multiply(by_columns, transposed(left, rows), count, product.data(), count, columns, count, rows, false);
    back(right, columns, product);
  }
  // `right` is now left^T times the difference: its singular vectors are those of the difference.
  std::vector<double> gram(count * count), vectors;
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < count; ++j) gram[i * count + j] = dot(&right[i * columns], &right[j * columns], columns);
  }
  eigen(gram, vectors, count);
  std::vector<size_t> order(count);
  for (size_t i = 0; i < count; ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return gram[a * count + a] > gram[b * count + b]; });
  result.a.assign(rank * columns, 0);
  result.b.assign(rows * rank, 0);
  result.left = result.error;
  for (size_t r = 0; r < std::min(rank, count); ++r) {
    result.left -= gram[order[r] * count + order[r]];
    for (size_t i = 0; i < count; ++i) {
      const auto share = static_cast<float>(vectors[i * count + order[r]]);
      for (size_t j = 0; j < columns; ++j) result.a[r * columns + j] += share * right[i * columns + j];
      for (size_t j = 0; j < rows; ++j) result.b[j * rank + r] += share * left[i * rows + j];
    }
    for (size_t j = 0; j < columns; ++j) result.a[r * columns + j] /= scales[j];
  }
  result.left = std::max(0.0, result.left);
  return result;
}

}  // namespace tara::train
