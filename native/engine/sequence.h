// What a slot works on: tokens to feed, positions whose logits matter, and what to do with them.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "engine/sampler.h"
#include "engine/text_stream.h"
#include "engine/vocab.h"
#include "env/job.h"

namespace tara {

using Clock = std::chrono::steady_clock;

inline double ms_between(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

// When it is a request's turn to get a slot.
struct Turn {
  Clock::time_point asked = Clock::now();
  int priority = 0;        // higher first
  double timeout_ms = -1;  // -1 = waits as long as it takes
};

// Where a sequence's keys and values are.
struct Place {
  llama_context * context;
  llama_seq_id id;
};

class Sequence {
 public:
  Sequence(JobPtr job, Tokens prompt) : job(std::move(job)), tokens(std::move(prompt)), prompt(tokens.size()) {}
  virtual ~Sequence() = default;

  const JobPtr job;
  Tokens tokens;         // the prompt, then what was generated
  const size_t prompt;   // tokens of the prompt
  size_t fed = 0;        // how many of `tokens` the context holds; lowering it takes the others back
  size_t taken_over = 0; // how many of them another sequence had fed
  size_t generated = 0;  // tokens chosen
  AdapterUse adapters;
  Turn turn;

  size_t pending() const { return tokens.size() - fed; }

  // How many tokens at the start may be taken over from another sequence instead of being fed.
  virtual size_t reusable() const { return 0; }
  // Called once, when the sequence has its slot and what it takes over is there. False when it is over already.
  virtual bool begin(const Place & place) = 0;
  // Whether the logits after the token at `position` are wanted.
  virtual bool needs(size_t position) const = 0;
  // Takes those logits. False when the sequence is over.
  virtual bool take(size_t position, float * logits) = 0;
  // Ends the job. Called once, when the sequence is over and its slot is free.
  virtual void end() = 0;
};

using SequencePtr = std::unique_ptr<Sequence>;

struct GenerationOptions {
  SamplingOptions sampling;
  size_t max_tokens = 0;  // 0 = until the context is full
  std::vector<std::string> stops;
  std::string json_schema;  // its JSON; becomes the sampling's grammar
  int logprobs = -1;        // alternatives told for each token, -1 = no log-probabilities
  bool cache = true;        // takes over what other sequences have fed
  bool shift = false;       // at a full context forgets the older half of what was generated and goes on
};

// Emits chunks { text, tokens, logprobs? }, ends with { finishReason, stop?, usage, timings, seed }.
// `context` = most tokens a slot holds. Call on a thread with a deep stack; throws what Sampler throws.
SequencePtr make_generation(JobPtr job, std::shared_ptr<Weights> weights, size_t context, Tokens prompt, GenerationOptions options);

// Ends with { tokens, scored, meanLoss (nats) } and a float32 log-probability for each token from `skip` on
// (the first token has none). Log-softmax as in llama-perplexity.
SequencePtr make_score(JobPtr job, const Weights & weights, Tokens tokens, size_t skip);

// Feeds the tokens and ends with { tokens, cached } and the bytes of their keys and values.
SequencePtr make_saving(JobPtr job, Tokens tokens);
// Puts such bytes into a slot, where a sequence that begins with the tokens takes them over. Ends with { tokens },
// or with TARA_STATE_INVALID.
SequencePtr make_restoring(JobPtr job, Tokens tokens, Blob state);

}  // namespace tara
