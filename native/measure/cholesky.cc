#include "measure/cholesky.h"

#include <algorithm>
#include <cmath>

#include "env/error.h"
#include "quant/clones.h"

namespace tara::measure {

namespace {

constexpr size_t STRIPE = 8;   // rows
constexpr size_t LANES = 16;  // partial sums of a dot product
constexpr size_t GROUP = 4;   // rows added in registers before the sum reaches memory

// Summed in lanes, so that every instruction set gives the same result.
template <typename Number>
inline __attribute__((always_inline)) Number sum_in_lanes(const Number * a, const Number * b, size_t length) {
  Number lanes[LANES] = {};
  size_t i = 0;
  for (; i + LANES <= length; i += LANES) {
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (size_t lane = 0; i < length; ++i, ++lane) lanes[lane] += a[i] * b[i];
  Number sum = 0;
  for (const Number lane : lanes) sum += lane;
  return sum;
}

TARA_CLONES
double dot(const double * a, const double * b, size_t length) { return sum_in_lanes(a, b, length); }

// y[j] += sum over GROUP rows of f[g] * x[g][j]
TARA_CLONES
void add_rows(double * y, const double * f, const double * const * x, size_t length) {
  for (size_t j = 0; j < length; ++j) y[j] += (f[0] * x[0][j] + f[1] * x[1][j]) + (f[2] * x[2][j] + f[3] * x[3][j]);
}

TARA_CLONES
void add_row(double * y, double f, const double * x, size_t length) {
  for (size_t j = 0; j < length; ++j) y[j] += f * x[j];
}

// The rows of L's inverse, in place: row i is (e_i - sum_k<i L[i][k] row k) / L[i][i].
void invert_factor(Triangle & l, size_t size) {
  std::vector<double> row(size);
  for (size_t i = 0; i < size; ++i) {
    double * own = &l[row_start(i)];
    std::fill(row.begin(), row.end(), 0);
    for (size_t k = 0; k < i; ++k) add_row(row.data(), -own[k], &l[row_start(k)], k + 1);
    const double pivot = own[i];
    for (size_t j = 0; j < i; ++j) own[j] = row[j] / pivot;
    own[i] = 1 / pivot;
  }
}

}  // namespace

TARA_CLONES
float dot(const float * a, const float * b, size_t length) { return sum_in_lanes(a, b, length); }

// Stripes of rows at a time, so that a stripe shares what it reads.
void factorize(Triangle & m, size_t size) {
  for (size_t from = 0; from < size; from += STRIPE) {
    const size_t to = std::min(size, from + STRIPE);
    for (size_t j = 0; j < to; ++j) {
      const double * pivot = &m[row_start(j)];
      for (size_t i = std::max(from, j); i < to; ++i) {
        double * row = &m[row_start(i)];
        const double rest = row[j] - dot(row, pivot, j);
        // The moments are a sum of squares with a ridge: only numbers that are none come out otherwise.
        if (i == j && !(rest > 0 && std::isfinite(rest))) throw Error("TARA_LOGITS_INVALID");
        row[j] = i == j ? std::sqrt(rest) : rest / pivot[j];
      }
    }
  }
}

void substitute(const Triangle & l, size_t size, double * y) {
  for (size_t i = 0; i < size; ++i) {
    const double * row = &l[row_start(i)];
    y[i] = (y[i] - dot(row, y, i)) / row[i];
  }
  for (size_t i = size; i-- > 0;) {
    const double * row = &l[row_start(i)];
    y[i] /= row[i];
    for (size_t j = 0; j < i; ++j) y[j] -= y[i] * row[j];
  }
}

void invert(Triangle & l, size_t size) {
  invert_factor(l, size);
  // Sum over k of the outer products of the rows k of L's inverse; entry (i, j) takes those from i on.
  for (size_t i = 0; i < size; ++i) {
    std::vector<double> row(i + 1);
    size_t k = i;
    for (; k + GROUP <= size; k += GROUP) {
      const double * rows[GROUP];
      double factors[GROUP];
      for (size_t g = 0; g < GROUP; ++g) {
        rows[g] = &l[row_start(k + g)];
        factors[g] = rows[g][i];
      }
      add_rows(row.data(), factors, rows, i + 1);
    }
    for (; k < size; ++k) add_row(row.data(), l[row_start(k) + i], &l[row_start(k)], i + 1);
    // Rows after i still read their own entries alone, and none reads row i again.
    std::copy(row.begin(), row.end(), &l[row_start(i)]);
  }
}

}  // namespace tara::measure
