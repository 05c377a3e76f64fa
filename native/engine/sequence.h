// What a slot works on: tokens to feed, positions whose logits matter, and what to do with them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "engine/text_stream.h"
#include "engine/vocab.h"
#include "env/job.h"

namespace tara {

class Sequence {
 public:
  Sequence(JobPtr job, Tokens prompt) : job(std::move(job)), tokens(std::move(prompt)), prompt(tokens.size()) {}
  virtual ~Sequence() = default;

  const JobPtr job;
  Tokens tokens;        // the prompt, then what was generated
  const size_t prompt;  // tokens of the prompt
  size_t fed = 0;       // how many of them the context holds
  AdapterUse adapters;

  size_t pending() const { return tokens.size() - fed; }

  // Called once, when the sequence gets its slot.
  virtual void begin() {}
  // Whether the logits after the token at `position` are wanted.
  virtual bool needs(size_t position) const = 0;
  // Takes those logits. False when the sequence is over: it has ended its job then.
  virtual bool take(size_t position, float * logits) = 0;
};

using SequencePtr = std::unique_ptr<Sequence>;

struct GenerationOptions {
  SamplingOptions sampling;
  size_t max_tokens = 0;  // 0 = until the context is full
  std::vector<std::string> stops;
  std::string json_schema;  // its JSON; becomes the sampling's grammar
  int logprobs = -1;  // alternatives told for each token, -1 = no log-probabilities
};

// Emits chunks { text, tokens, logprobs? }, ends with { finishReason, stop?, usage, timings, seed }.
// `context` = most tokens a slot holds. Call on a thread with a deep stack; throws what Sampler throws.
SequencePtr make_generation(JobPtr job, std::shared_ptr<Weights> weights, size_t context, Tokens prompt, GenerationOptions options);

// Ends with { tokens, scored, meanLoss (nats) } and a float32 log-probability for each token from `skip` on
// (the first token has none). Log-softmax as in llama-perplexity.
SequencePtr make_score(JobPtr job, const Weights & weights, Tokens tokens, size_t skip);

}  // namespace tara
