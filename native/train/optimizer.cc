#include "train/optimizer.h"

#include <cmath>

#include "quant/clones.h"

namespace tara::train {

namespace {

constexpr float KEEP_FIRST = 0.9f;
constexpr float KEEP_SECOND = 0.99f;  // 0.999 forgets too slowly for some hundred steps
constexpr float EPSILON = 1e-8f;

struct Step {
  float factor;  // of the gradient
  float rate;
  float decay;
  float first;  // 1 / (1 - KEEP^steps)
  float second;
};

TARA_CLONES
void step_section(float * x, float * first, float * second, const float * gradient, size_t count, Step step) {
  for (size_t i = 0; i < count; ++i) {
    const float g = gradient[i] * step.factor;
    first[i] = KEEP_FIRST * first[i] + (1 - KEEP_FIRST) * g;
    second[i] = KEEP_SECOND * second[i] + (1 - KEEP_SECOND) * g * g;
    const float move = first[i] * step.first / (std::sqrt(second[i] * step.second) + EPSILON);
    x[i] -= step.rate * (move + step.decay * x[i]);
  }
}

float rate_of(const Rates & rates, Trained kind) { return kind == Trained::norm ? rates.norm : kind == Trained::scale ? rates.scale : rates.lora; }

}  // namespace

double update(Network & network, std::vector<float> & gradient, const Rates & rates) {
  double squares = 0;
  for (const float g : gradient) squares += static_cast<double>(g) * g;
  const double length = std::sqrt(squares);
  if (!std::isfinite(length)) throw Error("TARA_TRAINING_DIVERGED", {{"step", network.steps + 1}});
  ++network.steps;
  const auto steps = static_cast<double>(network.steps);
  for (const auto & section : network.sections) {
    Step step;
    step.factor = rates.clip > 0 && length > rates.clip ? static_cast<float>(rates.clip / length) : 1;
    step.rate = rate_of(rates, section.kind);
    step.decay = section.kind == Trained::lora ? rates.decay : 0;
    step.first = static_cast<float>(1 / (1 - std::pow(KEEP_FIRST, steps)));
    step.second = static_cast<float>(1 / (1 - std::pow(KEEP_SECOND, steps)));
    const size_t at = section.offset;
    step_section(&network.parameters[at], &network.first_moments[at], &network.second_moments[at], &gradient[at], section.count, step);
  }
  return length;
}

}  // namespace tara::train
