// From logits to a token, as llama.cpp's own chain does it (common/sampling.cpp): bias, penalties, DRY, top-k, typical,
// top-p, min-p, XTC, temperature, and a grammar that is asked about the token chosen.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/grammar.h"
#include "engine/vocab.h"

namespace tara {

struct SamplingOptions {
  float temperature = 0;  // 0 = greedy
  int32_t top_k = 40;     // 0 = off
  float top_p = 0.95f;    // 1 = off
  float min_p = 0.05f;    // 0 = off
  float typical_p = 1;    // 1 = off
  float repeat_penalty = 1;
  int32_t repeat_last_n = 64;  // -1 = the whole context
  float frequency_penalty = 0;
  float presence_penalty = 0;
  float dry_multiplier = 0;  // 0 = off
  float dry_base = 1.75f;
  int32_t dry_allowed_length = 2;
  int32_t dry_last_n = 64;  // -1 = the whole context
  std::vector<std::string> dry_breakers = {"\n", ":", "\"", "*"};
  float xtc_probability = 0;  // 0 = off
  float xtc_threshold = 0.1f;
  std::vector<llama_logit_bias> bias;  // -infinity bans a token
  bool ignore_eos = false;
  std::string grammar;  // GBNF, empty = none
  uint32_t seed = 0;
};

class Sampler {
 public:
  // `prompt` is what the penalties have seen, `context` the tokens that "the whole context" means.
  // Call on a thread with a deep stack. Throws TARA_GRAMMAR_INVALID, TARA_OPTION_INVALID.
  Sampler(const Weights & weights, SamplingOptions options, const Tokens & prompt, size_t context);
  ~Sampler();
  Sampler(const Sampler &) = delete;

  // `logits` are one row of the vocabulary's size; bias is added in place. LLAMA_TOKEN_NULL when the grammar is complete
  // and no token may follow. Throws TARA_LOGITS_INVALID when no logit is a number, TARA_GRAMMAR_INVALID when the grammar
  // leaves no token.
  llama_token sample(float * logits);

 private:
  void add_bias(float * logits) const;
  llama_token choose(const float * logits, const Grammar * grammar);
  void make_chain(const Weights & weights, const Tokens & prompt);

  const SamplingOptions options_;
  const int32_t size_;
  std::vector<llama_logit_bias> bias_;
  llama_sampler * chain_ = nullptr;  // null = greedy
  std::unique_ptr<Grammar> grammar_;
  std::vector<llama_token_data> candidates_;
};

}  // namespace tara
