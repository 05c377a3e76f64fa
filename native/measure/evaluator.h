// Reads chunks of a text with a runner's model and scores the second half of each, as llama-perplexity does: a chunk starts
// with the start token where the model adds one, and its tokens after the middle one are scored, each given all before it.
#pragma once

#include <memory>
#include <vector>

#include "engine/context.h"
#include "engine/guest.h"
#include "engine/vocab.h"
#include "measure/recording.h"

namespace tara::measure {

// Scored tokens, rows of logits, in a chunk.
constexpr size_t rows_in(size_t chunk_length) { return chunk_length - 1 - chunk_length / 2; }

struct Excerpt {
  Tokens tokens;            // whole chunks, one after the other
  size_t chunk_length = 0;  // 4 or more
  // Where the rows are kept, and what they are compared with; either may be null. The excerpt's first row is `first_row` in them.
  std::shared_ptr<Recording> record;
  std::shared_ptr<Recording> against;
  size_t first_row = 0;
};

// Ends with { rows, bytes: of the text that the scored tokens stand for } and doubles: each row's loss in nats, then, where
// there is something to compare with, each row's divergence, then 1 for each row with the same most likely token and 0 for
// others. Progress { done, total } in tokens. Any number of threads gives the same.
class Evaluator : public Guest {
 public:
  Evaluator(JobPtr job, Excerpt excerpt);

  void begin(const Lodging & lodging) override;
  bool step() override;

 private:
  void check(const Weights & weights, size_t context_tokens) const;
  void fill_batch();
  void take_rows();
  void finish();

  Excerpt excerpt_;
  const size_t chunks_;
  size_t vocabulary_ = 0;
  size_t most_tokens_ = 0;  // in one decode
  size_t most_rows_ = 0;
  Threads * threads_ = nullptr;
  std::unique_ptr<Context> context_;
  Batch batch_;
  std::vector<llama_token> followers_;  // of the batch's rows
  size_t chunk_ = 0;
  size_t fed_ = 0;  // of the chunk
  size_t bytes_ = 0;
  std::vector<double> losses_;
  std::vector<double> divergences_;
  std::vector<double> same_top_;
};

}  // namespace tara::measure
