#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tara {

namespace {

// Below this, dividing the logits by the temperature overflows.
constexpr float GREEDY_BELOW = 1e-3f;

// The first of the largest logits, as llama.cpp's greedy sampler chooses; -1 when a logit is NaN or none is finite.
// Lanes, so that the compiler uses vectors: a vocabulary is scanned for every token.
llama_token largest(const float * logits, int32_t size) {
  constexpr int32_t LANES = 16;
  float tops[LANES];
  std::fill(tops, tops + LANES, -std::numeric_limits<float>::infinity());
  int32_t broken[LANES] = {};
  int32_t at = 0;
  for (; at + LANES <= size; at += LANES) {
    for (int32_t lane = 0; lane < LANES; ++lane) {
      const float value = logits[at + lane];
      tops[lane] = value > tops[lane] ? value : tops[lane];
      broken[lane] |= value != value;
    }
  }
  float top = *std::max_element(tops, tops + LANES);
  bool nan = std::any_of(broken, broken + LANES, [](int32_t lane) { return lane != 0; });
  for (; at < size; ++at) {
    top = std::max(top, logits[at]);
    nan |= std::isnan(logits[at]);
  }
  if (nan || !std::isfinite(top)) return -1;
  return static_cast<llama_token>(std::find(logits, logits + size, top) - logits);
}

}  // namespace

Sampler::Sampler(const Weights & weights, const SamplingOptions & options) : size_(llama_vocab_n_tokens(weights.vocab)) {
  suppressed_ = llama_vocab_get_suppress_tokens(weights.vocab, &suppressed_count_);
  if (options.temperature < GREEDY_BELOW) return;
  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  chain_ = llama_sampler_chain_init(params);
  llama_sampler_chain_add(chain_, llama_sampler_init_top_k(options.top_k));
  llama_sampler_chain_add(chain_, llama_sampler_init_top_p(options.top_p, 1));
  llama_sampler_chain_add(chain_, llama_sampler_init_min_p(options.min_p, 1));
  llama_sampler_chain_add(chain_, llama_sampler_init_temp(options.temperature));
  llama_sampler_chain_add(chain_, llama_sampler_init_dist(options.seed));
  candidates_.resize(static_cast<size_t>(size_));
}

Sampler::~Sampler() {
  if (chain_ != nullptr) llama_sampler_free(chain_);
}

llama_token Sampler::sample(float * logits) {
  for (int32_t i = 0; i < suppressed_count_; ++i) {
    const llama_token token = suppressed_[i];
    if (token >= 0 && token < size_) logits[token] = -std::numeric_limits<float>::infinity();
  }
  const llama_token best = largest(logits, size_);
  if (best < 0) throw Error("TARA_LOGITS_INVALID");
  if (chain_ == nullptr) return best;
  for (int32_t i = 0; i < size_; ++i) candidates_[static_cast<size_t>(i)] = {i, logits[i], 0.0f};
  llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
  llama_sampler_apply(chain_, &array);
  const llama_token token = array.selected >= 0 && static_cast<size_t>(array.selected) < array.size ? array.data[array.selected].id : best;
  llama_sampler_accept(chain_, token);
  return token;
}

}  // namespace tara
