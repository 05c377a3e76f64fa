#include "measure/expectation_guest.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <thread>

#include "env/error.h"
#include "measure/logits.h"

namespace tara::measure {

namespace {

constexpr size_t BATCH = 64;       // each of its tokens gives a row of logits
constexpr float NEGLIGIBLE = -20;  // nats below the row's total: 2e-9 of it

// sums[i] += exp(logits[i] - shift), where that is worth adding.
void add_probabilities(double * sums, const float * logits, float shift, size_t from, size_t to) {
  for (size_t i = from; i < to; ++i) {
    const float exponent = logits[i] - shift;
    if (exponent > NEGLIGIBLE) sums[i] += std::exp(exponent);
  }
}

}  // namespace

ExpectationGuest::ExpectationGuest(JobPtr job, std::vector<Tokens> texts) : Guest(std::move(job)), texts_(std::move(texts)) {
  for (const auto & text : texts_) total_ += text.size();
}

void ExpectationGuest::begin(const Lodging & lodging) {
  const Weights & weights = *lodging.weights;
  if (!weights.causal()) throw Error("TARA_MODEL_UNSUPPORTED", {{"path", weights.path}, {"reason", "it is an encoder, which expects no next token"}});
  size_t longest = 0;
  for (const auto & text : texts_) {
    check_tokens(weights, text);
    longest = std::max(longest, text.size());
  }
  if (longest > lodging.context_tokens) throw Error("TARA_CONTEXT_FULL", {{"tokens", longest}, {"limit", lodging.context_tokens}});
  sums_.resize(static_cast<size_t>(llama_vocab_n_tokens(weights.vocab)));
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(longest);
  options.batch = static_cast<uint32_t>(std::min(BATCH, longest));
  threads_ = &lodging.threads;
  context_ = std::make_unique<Context>(lodging.weights, options, lodging.threads, [this, &closing = lodging.closing] { return closing || job->cancelled(); });
}

void ExpectationGuest::take_rows(size_t rows) {
  const float * logits = llama_get_logits(context_->get());
  if (logits == nullptr) throw Error("TARA_INTERNAL", {{"reason", "a decode gave no logits"}});
  const size_t size = sums_.size();
  std::vector<float> shifts(rows);
  for (size_t row = 0; row < rows; ++row) {
    const Softmax softmax = softmax_of(logits + row * size, size);
    shifts[row] = softmax.top + static_cast<float>(softmax.log_sum);
  }
  // Each thread has tokens of its own, so the sums do not depend on how many there are.
  const auto add = [&](size_t part, size_t parts) {
    for (size_t row = 0; row < rows; ++row) add_probabilities(sums_.data(), logits + row * size, shifts[row], size * part / parts, size * (part + 1) / parts);
  };
  const auto parts = static_cast<size_t>(std::max(1, threads_->granted()));
  std::vector<std::thread> others;
  for (size_t part = 1; part < parts; ++part) others.emplace_back(add, part, parts);
  add(0, parts);
  for (auto & other : others) other.join();
}

bool ExpectationGuest::step() {
  const Tokens & text = texts_[text_];
  const size_t count = std::min<size_t>(context_->batch_limit(), text.size() - fed_);
  batch_.clear();
  for (size_t i = 0; i < count; ++i) batch_.add(text[fed_ + i], static_cast<llama_pos>(fed_ + i), 0, true);
  const auto outcome = context_->decode(batch_.view(0, batch_.size()));
  if (outcome == Context::Outcome::aborted) return true;  // the runner sees why before the next step
  if (outcome == Context::Outcome::no_room) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room"}});
  take_rows(count);
  fed_ += count;
  done_ += count;
  job->progress({{"done", done_}, {"total", total_}});
  if (fed_ < text.size()) return true;
  fed_ = 0;
  if (auto * memory = context_->memory(); memory != nullptr) llama_memory_clear(memory, false);
  if (++text_ < texts_.size()) return true;
  Blob blob(sums_.size() * sizeof(double));
  std::memcpy(blob.data(), sums_.data(), blob.size());
  job->done({{"tokens", total_}}, std::move(blob));
  return false;
}

}  // namespace tara::measure
