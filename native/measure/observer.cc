#include "measure/observer.h"

#include <algorithm>

#include "ggml.h"

namespace tara::measure {

namespace {
constexpr size_t CHUNK = 128;
}

Observer::Observer(JobPtr job, std::shared_ptr<Fusion> fusion, Reading reading)
    : ObservingGuest(std::move(job), std::move(reading.texts)), claim_(std::move(fusion)), fusion_(*claim_.object), domain_(reading.domain), weight_(reading.weight) {
  for (auto & matrix : fusion_.matrices) by_tensor_[matrix.tensor] = &matrix;
}

void Observer::begin(const Lodging & lodging) {
  for (const auto & text : texts_) {
    if (text.empty()) throw Error("TARA_PROMPT_EMPTY");
  }
  const size_t most = longest(lodging);
  // An encoder reads a text at once.
  if (lodging.weights->causal()) open(lodging, lodging.context_tokens, std::min(CHUNK, lodging.context_tokens));
  else open(lodging, most, most);
}

bool Observer::wants(const ggml_tensor * node) { return kept_of(by_tensor_, node) != nullptr; }

bool Observer::take(const ggml_tensor * node) {
  Matrix & matrix = *kept_of(by_tensor_, node);
  const ggml_tensor * inputs = node->src[1];
  const auto [first, is_first] = first_reader_.emplace(inputs, matrix.tensor);
  const size_t index = fusion_.input_of(matrix, first->second);
  Input & input = fusion_.inputs[index];
  const auto tokens = static_cast<size_t>(inputs->ne[1]);
  const auto * x = reinterpret_cast<const float *>(on_host(inputs, staged_));
  const auto scale = static_cast<float>(weight_ / static_cast<double>(total_));
  const int granted = threads();
  if (is_first) {
    add_products(input, x, tokens, scale, granted);
    add_squares(input, domain_, x, tokens, scale);
  }
  for (auto & factor : matrix.factors) {
    if (factor.domain == domain_) add_cross(factor, input.size, x, tokens, scale, granted);
  }
  return true;
}

void Observer::begin_graph() { first_reader_.clear(); }

void Observer::finish() {
  claim_.release();
  job->done({{"tokens", total_}});
}

}  // namespace tara::measure
