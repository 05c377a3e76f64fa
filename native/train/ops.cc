#include "train/ops.h"

#include <algorithm>
#include <cmath>

#include "quant/clones.h"
#include "quant/exponential.h"
#include "quant/vector_ops.h"

namespace tara::train {

namespace {

constexpr size_t LANES = 16;  // partial sums

inline __attribute__((always_inline)) float sum_of(const float * lanes) {
  float sum = 0;
  for (size_t lane = 0; lane < LANES; ++lane) sum += lanes[lane];
  return sum;
}

TARA_CLONES
float dot3(const float * a, const float * b, const float * c, size_t size) {
  float lanes[LANES] = {};
  size_t i = 0;
  for (; i + LANES <= size; i += LANES) {
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] += a[i + lane] * b[i + lane] * c[i + lane];
  }
  for (size_t lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i] * c[i];
  return sum_of(lanes);
}

inline float inverse_rms(const float * x, float epsilon, size_t size) { return 1.0f / std::sqrt(dot(x, x, size) / static_cast<float>(size) + epsilon); }

TARA_CLONES
void scale_by(const float * x, const float * weights, float factor, float * y, size_t size) {
  for (size_t i = 0; i < size; ++i) y[i] = x[i] * factor * weights[i];
}

// dx += inverse * (dy * weights - x * mean), mean that of dy * weights * x * inverse^2.
TARA_CLONES
void add_norm_gradient(const float * x, const float * weights, const float * dy, float inverse, float mean, float * dx, size_t size) {
  for (size_t i = 0; i < size; ++i) dx[i] += inverse * (dy[i] * weights[i] - x[i] * mean);
}

TARA_CLONES
void add_product(const float * a, const float * b, float factor, float * y, size_t size) {
  for (size_t i = 0; i < size; ++i) y[i] += a[i] * factor * b[i];
}

inline __attribute__((always_inline)) float sigmoid(float x) {
  const float e = quant::exp_of(x < 0 ? x : -x);
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}

TARA_CLONES
void exponentials(float * x, float top, size_t size) {
  for (size_t i = 0; i < size; ++i) x[i] = quant::exp_of(x[i] - top);
}

TARA_CLONES
void multiply_by(float * x, float factor, size_t size) {
  for (size_t i = 0; i < size; ++i) x[i] *= factor;
}

TARA_CLONES
double sum_in_lanes(const float * x, size_t size) {
  double lanes[LANES] = {};
  size_t i = 0;
  for (; i + LANES <= size; i += LANES) {
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] += x[i + lane];
  }
  for (size_t lane = 0; i < size; ++i, ++lane) lanes[lane] += x[i];
  double sum = 0;
  for (size_t lane = 0; lane < LANES; ++lane) sum += lanes[lane];
  return sum;
}

}  // namespace

TARA_CLONES
float dot(const float * a, const float * b, size_t size) {
  float lanes[LANES] = {};
  size_t i = 0;
  for (; i + LANES <= size; i += LANES) {
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (size_t lane = 0; i < size; ++i, ++lane) lanes[lane] += a[i] * b[i];
  return sum_of(lanes);
}

void rms_norm(const float * x, const float * weights, float epsilon, float * y, size_t rows, size_t size) {
  for (size_t row = 0; row < rows; ++row) scale_by(x + row * size, weights, inverse_rms(x + row * size, epsilon, size), y + row * size, size);
}

void rms_norm_backward(const float * x, const float * weights, float epsilon, const float * dy, float * dx, bool add, float * d_weights, size_t rows, size_t size) {
  for (size_t row = 0; row < rows; ++row) {
    const size_t at = row * size;
    const float inverse = inverse_rms(x + at, epsilon, size);
    const float mean = dot3(x + at, dy + at, weights, size) * inverse * inverse / static_cast<float>(size);
    if (d_weights != nullptr) add_product(x + at, dy + at, inverse, d_weights, size);
    if (!add) std::fill_n(dx + at, size, 0.0f);
    add_norm_gradient(x + at, weights, dy + at, inverse, mean, dx + at, size);
  }
}

Rotation rotation_of(const Shape & shape, size_t positions) {
  const size_t pairs = shape.rope_dims / 2;
  Rotation rotation{std::vector<float>(positions * pairs), std::vector<float>(positions * pairs)};
  for (size_t pair = 0; pair < pairs; ++pair) {
    const double factor = shape.rope_factors.empty() ? 1 : shape.rope_factors[pair];
    const double frequency = std::pow(static_cast<double>(shape.rope_base), -2.0 * static_cast<double>(pair) / static_cast<double>(shape.rope_dims)) / factor;
    for (size_t position = 0; position < positions; ++position) {
      rotation.cosines[position * pairs + pair] = static_cast<float>(std::cos(static_cast<double>(position) * frequency));
      rotation.sines[position * pairs + pair] = static_cast<float>(std::sin(static_cast<double>(position) * frequency));
    }
  }
  return rotation;
}

void rotate(const Shape & shape, const Rotation & rotation, float * x, size_t rows, size_t heads, bool backward) {
  const size_t pairs = shape.rope_dims / 2;
  const size_t step = shape.rope_halves ? 1 : 2;
  const size_t apart = shape.rope_halves ? pairs : 1;
  for (size_t row = 0; row < rows; ++row) {
    const float * cosines = &rotation.cosines[row * pairs];
    const float * sines = &rotation.sines[row * pairs];
    for (size_t head = 0; head < heads; ++head) {
      float * of = x + (row * heads + head) * shape.head;
      for (size_t pair = 0; pair < pairs; ++pair) {
        float & a = of[pair * step];
        float & b = of[pair * step + apart];
        const float sine = backward ? -sines[pair] : sines[pair];
        const float turned = a * cosines[pair] - b * sine;
        b = a * sine + b * cosines[pair];
        a = turned;
      }
    }
  }
}

TARA_CLONES
void swiglu(const float * gate, const float * up, float * y, size_t count) {
  for (size_t i = 0; i < count; ++i) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

TARA_CLONES
void swiglu_backward(float * gate, float * up, const float * dy, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const float s = sigmoid(gate[i]);
    const float silu = gate[i] * s;
    gate[i] = dy[i] * up[i] * (s + silu * (1 - s));
    up[i] = dy[i] * silu;
  }
}

TARA_CLONES
void add_rows(float * y, const float * row, size_t rows, size_t size) {
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < size; ++j) y[i * size + j] += row[j];
  }
}

LogSum softmax(float * logits, size_t size) {
  const float top = quant::largest(logits, size);
  exponentials(logits, top, size);
  const double sum = sum_in_lanes(logits, size);
  multiply_by(logits, static_cast<float>(1 / sum), size);
  return {top, std::log(sum)};
}

}  // namespace tara::train
