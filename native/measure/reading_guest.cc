#include "measure/reading_guest.h"

#include <algorithm>

namespace tara::measure {

namespace {

size_t tokens_in(const std::vector<Tokens> & texts) {
  size_t total = 0;
  for (const auto & text : texts) total += text.size();
  return total;
}

}  // namespace

ReadingGuest::ReadingGuest(JobPtr job, std::vector<Tokens> texts) : Guest(std::move(job)), texts_(std::move(texts)), total_(tokens_in(texts_)) {}

size_t ReadingGuest::longest(const Lodging & lodging) const {
  size_t most = 0;
  for (const auto & text : texts_) {
    check_tokens(*lodging.weights, text);
    most = std::max(most, text.size());
  }
  if (most > lodging.context_tokens) throw Error("TARA_CONTEXT_FULL", {{"tokens", most}, {"limit", lodging.context_tokens}});
  return most;
}

void ReadingGuest::open(const Lodging & lodging, const ContextOptions & options) {
  threads_ = &lodging.threads;
  context_ = std::make_unique<Context>(lodging.weights, options, lodging.threads, [this, &closing = lodging.closing] { return closing || job->cancelled(); });
}

bool ReadingGuest::step() {
  const Tokens & text = texts_[text_];
  const size_t count = std::min<size_t>(context_->batch_limit(), text.size() - fed_);
  batch_.clear();
  for (size_t i = 0; i < count; ++i) batch_.add(text[fed_ + i], static_cast<llama_pos>(fed_ + i), 0, true);
  const auto outcome = decode(batch_.view(0, batch_.size()));
  if (outcome == Context::Outcome::aborted) return true;  // the runner sees why before the next step
  if (outcome == Context::Outcome::no_room) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room"}});
  after_batch(count);
  fed_ += count;
  done_ += count;
  job->progress({{"done", done_}, {"total", total_}});
  if (fed_ < text.size()) return true;
  fed_ = 0;
  if (auto * memory = context_->memory(); memory != nullptr) llama_memory_clear(memory, false);
  if (++text_ < texts_.size()) return true;
  finish();
  return false;
}

}  // namespace tara::measure
