#include "engine/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/vector_ops.h"

namespace tara {

namespace {

// Below this, dividing the logits by the temperature overflows.
constexpr float GREEDY_BELOW = 1e-3f;

// The first of the largest logits, as llama.cpp's greedy sampler chooses; -1 when a logit is NaN or none is finite.
llama_token top_token(const float * logits, int32_t size) {
  const float top = quant::largest(logits, static_cast<size_t>(size));
  return std::isfinite(top) ? static_cast<llama_token>(std::find(logits, logits + size, top) - logits) : -1;
}

// Whether the token is chosen by more than its logit and the temperature.
bool shapes(const SamplingOptions & options) {
  const bool penalties = options.repeat_last_n != 0 && (options.repeat_penalty != 1 || options.frequency_penalty != 0 || options.presence_penalty != 0);
  return penalties || options.dry_multiplier != 0 || options.typical_p < 1 || options.xtc_probability > 0;
}

SamplingOptions resolved(SamplingOptions options, size_t context) {
  const auto whole = static_cast<int32_t>(context);
  const auto resolve = [&](int32_t last_n) { return last_n < 0 ? whole : std::min(last_n, whole); };
  options.repeat_last_n = resolve(options.repeat_last_n);
  options.dry_last_n = resolve(options.dry_last_n);
  return options;
}

std::vector<llama_logit_bias> bias_of(const Weights & weights, const SamplingOptions & options) {
  constexpr float BANNED = -std::numeric_limits<float>::infinity();
  std::vector<llama_logit_bias> bias = options.bias;
  const int32_t size = llama_vocab_n_tokens(weights.vocab);
  for (const auto & [token, value] : bias) {
    if (token >= size) throw Error("TARA_OPTION_INVALID", {{"option", "logitBias"}, {"reason", std::to_string(token) + " is outside the vocabulary of " + std::to_string(size)}});
  }
  int32_t count = 0;
  const llama_token * suppressed = llama_vocab_get_suppress_tokens(weights.vocab, &count);
  for (int32_t i = 0; i < count; ++i) {
    if (suppressed[i] >= 0 && suppressed[i] < size) bias.push_back({suppressed[i], BANNED});
  }
  for (llama_token token = 0; options.ignore_eos && token < size; ++token) {
    if (llama_vocab_is_eog(weights.vocab, token)) bias.push_back({token, BANNED});
  }
  return bias;
}

}  // namespace

Sampler::Sampler(const Weights & weights, SamplingOptions options, const Tokens & prompt, size_t context)
    : options_(resolved(std::move(options), context)), size_(llama_vocab_n_tokens(weights.vocab)), bias_(bias_of(weights, options_)) {
  if (!options_.grammar.empty()) grammar_ = std::make_unique<Grammar>(weights, options_.grammar);
  if (options_.temperature >= GREEDY_BELOW || shapes(options_)) make_chain(weights, prompt);
}

void Sampler::make_chain(const Weights & weights, const Tokens & prompt) {
  const auto & o = options_;
  // As llama.cpp's own default.
  constexpr size_t MIN_KEEP = 0;
  llama_sampler_chain_params params = llama_sampler_chain_default_params();
  params.no_perf = true;
  chain_ = llama_sampler_chain_init(params);
  const auto add = [&](llama_sampler * sampler) { llama_sampler_chain_add(chain_, sampler); };
  add(llama_sampler_init_penalties(size_, o.repeat_last_n, o.repeat_penalty, o.frequency_penalty, o.presence_penalty));
  if (o.dry_multiplier != 0) {
    std::vector<const char *> breakers;
    for (const auto & breaker : o.dry_breakers) breakers.push_back(breaker.c_str());
    add(llama_sampler_init_dry(weights.vocab, o.dry_multiplier, o.dry_base, o.dry_allowed_length, o.dry_last_n, breakers.data(), breakers.size()));
  }
  add(llama_sampler_init_top_k(o.top_k));
  if (o.typical_p < 1) add(llama_sampler_init_typical(o.typical_p, MIN_KEEP));
  add(llama_sampler_init_top_p(o.top_p, MIN_KEEP));
  add(llama_sampler_init_min_p(o.min_p, MIN_KEEP));
  if (o.xtc_probability > 0) add(llama_sampler_init_xtc(o.xtc_probability, o.xtc_threshold, MIN_KEEP, o.seed));
  add(llama_sampler_init_temp(o.temperature < GREEDY_BELOW ? 0 : o.temperature));
  add(llama_sampler_init_dist(o.seed));
  if (!shapes(o)) return;
  const size_t seen = std::min(prompt.size(), static_cast<size_t>(std::max(o.repeat_last_n, o.dry_last_n)));
  for (size_t i = prompt.size() - seen; i < prompt.size(); ++i) llama_sampler_accept(chain_, prompt[i]);
}

Sampler::~Sampler() {
  if (chain_ != nullptr) llama_sampler_free(chain_);
}

void Sampler::add_bias(float * logits) const {
  for (const auto & [token, value] : bias_) logits[token] += value;
}

// The grammar, where given, narrows the candidates first. LLAMA_TOKEN_NULL when none is left.
llama_token Sampler::choose(const float * logits, const Grammar * grammar) {
  if (chain_ == nullptr && grammar == nullptr) return top_token(logits, size_);
  candidates_.resize(static_cast<size_t>(size_));
  for (int32_t i = 0; i < size_; ++i) candidates_[static_cast<size_t>(i)] = {i, logits[i], 0.0f};
  llama_token_data_array array{candidates_.data(), candidates_.size(), -1, false};
  if (grammar != nullptr) grammar->restrict(array);
  const auto less = [](const llama_token_data & a, const llama_token_data & b) { return a.logit < b.logit; };
  const auto best = std::max_element(candidates_.begin(), candidates_.end(), less);
  if (!std::isfinite(best->logit)) return LLAMA_TOKEN_NULL;
  const llama_token likeliest = best->id;
  if (chain_ == nullptr) return likeliest;
  llama_sampler_apply(chain_, &array);
  return array.selected >= 0 && static_cast<size_t>(array.selected) < array.size ? array.data[array.selected].id : likeliest;
}

llama_token Sampler::sample(float * logits) {
  const llama_token likeliest = top_token(logits, size_);
  if (likeliest < 0) throw Error("TARA_LOGITS_INVALID");
  add_bias(logits);
  llama_token token = chain_ == nullptr && bias_.empty() ? likeliest : choose(logits, nullptr);
  // Most tokens fit: narrowing the whole vocabulary costs more than asking about one token.
  if (grammar_ && (token == LLAMA_TOKEN_NULL || !grammar_->allows(token))) token = choose(logits, grammar_.get());
  if (token == LLAMA_TOKEN_NULL) {
    if (grammar_ && grammar_->complete()) return LLAMA_TOKEN_NULL;
    if (grammar_) throw Error("TARA_GRAMMAR_INVALID", {{"reason", "no token of the vocabulary can follow what was written"}});
    throw Error("TARA_OPTION_INVALID", {{"option", "logitBias"}, {"reason", "no token is left"}});
  }
  if (grammar_) grammar_->accept(token);
  if (chain_ != nullptr) llama_sampler_accept(chain_, token);
  return token;
}

}  // namespace tara
