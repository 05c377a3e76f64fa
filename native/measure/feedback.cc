#include "measure/feedback.h"

#include "measure/cholesky.h"

namespace tara::measure {

std::vector<float> feedback_factor(const Input & input, const Damping & damping) {
  const size_t size = input.size, last = size - 1;
  double mean = 0;
  for (size_t i = 0; i < size; ++i) mean += input.products[row_start(i) + i] / static_cast<double>(size);
  // Inputs that are always 0 make nothing of any error.
  const double ridge = mean > 0 ? damping.ridge * mean : 1;
  // With the columns in reverse, Cholesky's lower factor is the upper one.
  std::vector<double> m(row_start(size));
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < i; ++j) m[row_start(last - j) + last - i] = damping.shrink * input.products[row_start(i) + j];
    m[row_start(last - i) + last - i] = input.products[row_start(i) + i] + ridge;
  }
  factorize(m, size);
  std::vector<float> square(size * size);
  for (size_t j = 0; j < size; ++j) {
    const double pivot = m[row_start(last - j) + last - j];
    square[j * size + j] = static_cast<float>(pivot * pivot);
    for (size_t i = 0; i < j; ++i) square[i * size + j] = static_cast<float>(m[row_start(last - i) + last - j] / pivot);
  }
  return square;
}

}  // namespace tara::measure
