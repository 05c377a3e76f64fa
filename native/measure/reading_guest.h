// Reads texts with a runner's model, in a context of its own, a batch at a time.
#pragma once

#include <memory>
#include <vector>

#include "engine/context.h"
#include "engine/guest.h"
#include "engine/vocab.h"

namespace tara::measure {

// Each text is read by itself. Progress { done, total } in tokens.
class ReadingGuest : public Guest {
 public:
  bool step() final;

 protected:
  ReadingGuest(JobPtr job, std::vector<Tokens> texts);

  // The tokens of the longest text. Throws TARA_OPTION_INVALID for tokens that the model lacks, TARA_CONTEXT_FULL.
  size_t longest(const Lodging & lodging) const;
  // Comes last in begin().
  void open(const Lodging & lodging, const ContextOptions & options);

  virtual Context::Outcome decode(const llama_batch & batch) { return context_->decode(batch); }
  // A batch of so many tokens was read.
  virtual void after_batch(size_t tokens) = 0;
  // All texts are read: ends the job.
  virtual void finish() = 0;

  llama_context * context() const { return context_->get(); }
  // How many threads may work beside the decode.
  int threads() const { return threads_->granted(); }

  const std::vector<Tokens> texts_;
  const size_t total_;  // tokens

 private:
  std::unique_ptr<Context> context_;
  Threads * threads_ = nullptr;
  Batch batch_;
  size_t text_ = 0, fed_ = 0, done_ = 0;  // `fed_` of the text under way, `done_` of all
};

}  // namespace tara::measure
