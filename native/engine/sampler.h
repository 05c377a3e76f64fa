// From logits to a token, as llama.cpp's own chain does it.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/weights.h"

namespace tara {

struct SamplingOptions {
  float temperature = 0;  // 0 = greedy
  int32_t top_k = 40;     // 0 = off
  float top_p = 0.95f;    // 1 = off
  float min_p = 0.05f;    // 0 = off
  uint32_t seed = 0;
};

class Sampler {
 public:
  Sampler(const Weights & weights, const SamplingOptions & options);
  ~Sampler();
  Sampler(const Sampler &) = delete;

  // `logits` are one row of the vocabulary's size; suppressed tokens are overwritten in place.
  // Throws TARA_LOGITS_INVALID when no logit is a number.
  llama_token sample(float * logits);

 private:
  const int32_t size_;
  const llama_token * suppressed_ = nullptr;
  int32_t suppressed_count_ = 0;
  llama_sampler * chain_ = nullptr;  // null = greedy
  std::vector<llama_token_data> candidates_;
};

}  // namespace tara
