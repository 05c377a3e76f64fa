#include "measure/importance.h"

#include <cmath>

#include "env/error.h"
#include "quant/clones.h"

namespace tara::measure {

namespace {

constexpr size_t GROUP = 4;  // rows squared in registers before the sums reach memory

const float * row_of(const char * rows, size_t stride, size_t row) { return reinterpret_cast<const float *>(rows + row * stride); }

}  // namespace

TARA_CLONES
void add_squares(double * sums, size_t columns, const char * rows, size_t stride, size_t count) {
  size_t row = 0;
  for (; row + GROUP <= count; row += GROUP) {
    const float *x0 = row_of(rows, stride, row), *x1 = row_of(rows, stride, row + 1), *x2 = row_of(rows, stride, row + 2), *x3 = row_of(rows, stride, row + 3);
    for (size_t j = 0; j < columns; ++j) {
      const double a = x0[j], b = x1[j], c = x2[j], d = x3[j];
      sums[j] += (a * a + b * b) + (c * c + d * d);
    }
  }
  for (; row < count; ++row) {
    const float * x = row_of(rows, stride, row);
    for (size_t j = 0; j < columns; ++j) sums[j] += static_cast<double>(x[j]) * x[j];
  }
}

Importance dense_importance(const ggml_tensor * x, const char * data, int64_t ne2, int64_t ne3) {
  const auto columns = static_cast<size_t>(x->ne[0]);
  const int64_t matrices = ne2 * ne3;
  // A matrix serves several slices of inputs in turn, as ggml_mul_mat repeats it.
  const int64_t repeat2 = x->ne[2] / ne2, repeat3 = x->ne[3] / ne3;
  Importance part{std::vector<double>(columns * matrices), {static_cast<uint64_t>(ggml_nrows(x) / matrices)}};
  for (int64_t i3 = 0; i3 < x->ne[3]; ++i3) {
    for (int64_t i2 = 0; i2 < x->ne[2]; ++i2) {
      const int64_t matrix = i3 / repeat3 * ne2 + i2 / repeat2;
      add_squares(&part.sums[matrix * columns], columns, data + i2 * x->nb[2] + i3 * x->nb[3], x->nb[1], static_cast<size_t>(x->ne[1]));
    }
  }
  return part;
}

Importance routed_importance(const ggml_tensor * product, const char * data, const char * ids) {
  const ggml_tensor *weight = product->src[0], *x = product->src[1], *routes = product->src[2];
  const auto columns = static_cast<size_t>(x->ne[0]);
  const int64_t experts = weight->ne[2];
  Importance part{std::vector<double>(columns * experts), std::vector<uint64_t>(experts)};
  for (int64_t token = 0; token < routes->ne[1]; ++token) {
    for (int64_t choice = 0; choice < routes->ne[0]; ++choice) {
      const int32_t expert = *reinterpret_cast<const int32_t *>(ids + token * routes->nb[1] + choice * routes->nb[0]);
      if (expert < 0 || expert >= experts) throw Error("TARA_INTERNAL", {{"reason", "a token was routed to an expert that does not exist"}});
      // Inputs are the token's one, or one for each of its experts.
      add_squares(&part.sums[expert * columns], columns, data + token * x->nb[2] + choice % x->ne[1] * x->nb[1], 0, 1);
      ++part.counts[expert];
    }
  }
  return part;
}

void add(Importance & total, const Importance & part, const std::string & weight) {
  if (total.sums.empty()) {
    total.sums.resize(part.sums.size());
    total.counts.resize(part.counts.size());
  }
  if (total.sums.size() != part.sums.size() || total.counts.size() != part.counts.size()) {
    throw Error("TARA_INTERNAL", {{"reason", weight + " is multiplied in two ways"}});
  }
  for (size_t i = 0; i < part.sums.size(); ++i) {
    if (!std::isfinite(part.sums[i])) throw Error("TARA_TENSOR_NOT_FINITE", {{"tensor", weight}, {"reason", "the text gives it inputs that are NaN or infinite"}});
    total.sums[i] += part.sums[i];
  }
  for (size_t i = 0; i < part.counts.size(); ++i) total.counts[i] += part.counts[i];
}

}  // namespace tara::measure
