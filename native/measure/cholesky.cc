#include "measure/cholesky.h"

#include <algorithm>
#include <cmath>

#include "env/error.h"
#include "quant/clones.h"

namespace tara::measure {

namespace {

constexpr size_t STRIPE = 8;  // rows
constexpr size_t LANES = 16;  // partial sums of a dot product

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

}  // namespace

TARA_CLONES
float dot(const float * a, const float * b, size_t length) { return sum_in_lanes(a, b, length); }

// Stripes of rows at a time, so that a stripe shares what it reads.
void factorize(std::vector<double> & m, size_t size) {
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

void substitute(const std::vector<double> & l, size_t size, std::vector<double> & y) {
  for (size_t i = 0; i < size; ++i) {
    const double * row = &l[row_start(i)];
    y[i] = (y[i] - dot(row, y.data(), i)) / row[i];
  }
  for (size_t i = size; i-- > 0;) {
    const double * row = &l[row_start(i)];
    y[i] /= row[i];
    for (size_t j = 0; j < i; ++j) y[j] -= y[i] * row[j];
  }
}

}  // namespace tara::measure
