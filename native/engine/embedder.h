// Text embeddings, in a context of their own on the runner's thread, a chunk at a time between rounds.
#pragma once

#include <deque>
#include <optional>
#include <vector>

#include "engine/block_states.h"
#include "engine/context.h"
#include "engine/vocab.h"

namespace tara {

struct EmbedRequest {
  JobPtr job;
  std::vector<Tokens> texts;
  bool normalize = true;       // to length 1
  std::vector<size_t> blocks;  // whose inputs are wanted too
};

class Embedder {
 public:
  // `context` = most tokens of a text.
  Embedder(std::shared_ptr<Weights> weights, size_t context, Threads & threads, const std::atomic<bool> & closing);

  bool idle() const { return requests_.empty(); }
  // Ends with { dimensions, texts, tokens } and float32 rows: the embedding, then the mean of what enters each of the blocks.
  void add(EmbedRequest request);
  // One decode.
  void step();
  void fail_all(const Failure & failure);
  void sweep_cancelled();

 private:
  void step_text();
  void pool(const Tokens & text, size_t from, size_t count);
  void finish_text();
  void reset_text();
  void append(const std::vector<double> & values, double divisor);

  const size_t context_tokens_;
  const std::atomic<bool> & closing_;
  const bool own_pooling_;
  const enum llama_pooling_type pooling_;
  const size_t dimensions_;
  BlockStates states_;  // the context writes to them
  Context context_;
  Batch batch_;
  std::deque<EmbedRequest> requests_;  // the first one is being worked on
  size_t text_ = 0;
  size_t fed_ = 0;
  std::vector<double> sum_;
  std::vector<float> rows_;
};

// Why this model cannot embed, or nothing.
std::optional<std::string> embedding_refusal(const Weights & weights);

}  // namespace tara
