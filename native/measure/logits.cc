#include "measure/logits.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "env/error.h"
#include "quant/clones.h"
#include "quant/exponential.h"
#include "quant/vector_ops.h"

namespace tara::measure {

namespace {

constexpr size_t BLOCK = 1024;       // values between two flushes of float sums into a double
constexpr size_t LANES = 16;         // partial sums, and so the result, are those of any instruction set
constexpr float SPAN = 16;           // nats that a copied row reaches down
constexpr int32_t CODES = 65535;

inline __attribute__((always_inline)) double sum_of(const float * x, size_t length) {
  float lanes[LANES] = {};
  size_t i = 0;
  for (; i + LANES <= length; i += LANES) {
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] += x[i + lane];
  }
  for (size_t lane = 0; i < length; ++i, ++lane) lanes[lane] += x[i];
  double sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

TARA_CLONES
float smallest_above(const float * x, size_t size, float least) {
  float lanes[LANES];
  std::fill(lanes, lanes + LANES, INFINITY);
  size_t i = 0;
  for (; i + LANES <= size; i += LANES) {
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] = x[i + lane] < lanes[lane] ? x[i + lane] : lanes[lane];
  }
  for (size_t lane = 0; i < size; ++i, ++lane) lanes[lane] = x[i] < lanes[lane] ? x[i] : lanes[lane];
  return std::max(least, *std::min_element(lanes, lanes + LANES));
}

TARA_CLONES
double sum_of_exp(const float * x, size_t size, float top) {
  float terms[BLOCK];
  double sum = 0;
  for (size_t from = 0; from < size; from += BLOCK) {
    const size_t count = std::min(BLOCK, size - from);
    for (size_t i = 0; i < count; ++i) terms[i] = quant::exp_of(x[from + i] - top);
    sum += sum_of(terms, count);
  }
  return sum;
}

TARA_CLONES
void encode(const float * x, size_t size, float least, float per_nat, uint16_t * codes) {
  for (size_t i = 0; i < size; ++i) {
    const float above = quant::where(x[i] > least, x[i] - least);
    const auto code = static_cast<int32_t>(above * per_nat + 0.5f);
    codes[i] = static_cast<uint16_t>(std::min(code, CODES));
  }
}

// Sum over the copied row of what `copied` probabilities are above those of the logits.
TARA_CLONES
double sum_of_excess(const uint16_t * codes, float floor, float step, const float * x, float top, float log_sum, size_t size) {
  float terms[BLOCK];
  double sum = 0;
  for (size_t from = 0; from < size; from += BLOCK) {
    const size_t count = std::min(BLOCK, size - from);
    for (size_t i = 0; i < count; ++i) {
      const float copied = floor + step * static_cast<float>(codes[from + i]);
      terms[i] = quant::where(copied > -SPAN, quant::exp_of(copied) - quant::exp_of((x[from + i] - top) - log_sum));
    }
    sum += sum_of(terms, count);
  }
  return sum;
}

TARA_CLONES
double sum_of_divergence(const uint16_t * codes, float floor, float step, const float * x, float top, float log_sum, size_t size) {
  float terms[BLOCK];
  double sum = 0;
  for (size_t from = 0; from < size; from += BLOCK) {
    const size_t count = std::min(BLOCK, size - from);
    for (size_t i = 0; i < count; ++i) {
      const float copied = floor + step * static_cast<float>(codes[from + i]);
      terms[i] = quant::where(copied > -SPAN, quant::exp_of(copied) * (copied - ((x[from + i] - top) - log_sum)));
    }
    sum += sum_of(terms, count);
  }
  return sum;
}

}  // namespace

Softmax softmax_of(const float * logits, size_t size) {
  Softmax softmax;
  softmax.top = quant::largest(logits, size);
  const double sum = sum_of_exp(logits, size, softmax.top);
  if (!std::isfinite(softmax.top) || !std::isfinite(sum)) throw Error("TARA_LOGITS_INVALID");
  softmax.top_token = static_cast<size_t>(std::find(logits, logits + size, softmax.top) - logits);
  softmax.log_sum = std::log(sum);
  return softmax;
}

double loss_of(const float * logits, const Softmax & softmax, size_t token) {
  const double loss = softmax.log_sum - (static_cast<double>(logits[token]) - softmax.top);
  if (!std::isfinite(loss)) throw Error("TARA_LOGITS_INVALID");
  return loss;
}

Steps quantize_row(const float * logits, const Softmax & softmax, size_t size, uint16_t * codes) {
  const float least = smallest_above(logits, size, softmax.top - SPAN);
  const auto log_sum = static_cast<float>(softmax.log_sum);
  const float range = softmax.top - least;
  Steps steps;
  steps.floor = -range - log_sum;
  steps.step = range / CODES;
  encode(logits, size, least, range > 0 ? CODES / range : 0, codes);
  steps.excess = static_cast<float>(sum_of_excess(codes, steps.floor, steps.step, logits, softmax.top, log_sum, size));
  return steps;
}

double divergence(const uint16_t * codes, const Steps & steps, const float * logits, const Softmax & softmax, size_t size) {
  const double sum = sum_of_divergence(codes, steps.floor, steps.step, logits, softmax.top, static_cast<float>(softmax.log_sum), size);
  if (!std::isfinite(sum)) throw Error("TARA_LOGITS_INVALID");
  return sum - steps.excess;
}

}  // namespace tara::measure
