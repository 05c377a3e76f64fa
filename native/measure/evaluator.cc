#include "measure/evaluator.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

namespace tara::measure {

namespace {

constexpr size_t BATCH = 256;              // tokens in one decode
constexpr size_t LEAST_ROWS = 64;          // for fewer tokens in a decode, attention rounds more
constexpr size_t LOGITS_BYTES = 64 << 20;  // in one decode; llama.cpp keeps them twice

// The size of the fewest equal parts that are no larger than `most`.
size_t even_part(size_t whole, size_t most) {
  const size_t parts = (whole + most - 1) / most;
  return (whole + parts - 1) / parts;
}

// Calls `work` for every row, on `threads` threads, each with a buffer of its own; rethrows what one of them threw.
void for_rows(size_t rows, int threads, const std::function<void(size_t row, Codes & buffer)> & work) {
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto run = [&] {
    try {
      Codes buffer;
      for (size_t row = next++; row < rows; row = next++) work(row, buffer);
    } catch (...) {
      next = rows;
      std::lock_guard<std::mutex> lock(mutex);
      failure = std::current_exception();
    }
  };
  std::vector<std::thread> others;
  try {
    for (int i = 1; i < threads && static_cast<size_t>(i) < rows; ++i) others.emplace_back(run);
  } catch (const std::system_error &) {
    // Fewer threads do the same work.
  }
  run();
  for (auto & other : others) other.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

Evaluator::Evaluator(JobPtr job, Excerpt excerpt)
    : Guest(std::move(job)), excerpt_(std::move(excerpt)), chunks_(excerpt_.tokens.size() / excerpt_.chunk_length) {}

void Evaluator::check(const Weights & weights, size_t context_tokens) const {
  if (!weights.causal()) {
    throw Error("TARA_MODEL_UNSUPPORTED", {{"path", weights.path}, {"reason", "it is an encoder, and perplexity is measured of decoders"}});
  }
  check_tokens(weights, excerpt_.tokens);
  if (excerpt_.chunk_length > context_tokens) throw Error("TARA_CONTEXT_FULL", {{"tokens", excerpt_.chunk_length}, {"limit", context_tokens}});
  for (const auto & recording : {excerpt_.record, excerpt_.against}) {
    if (!recording) continue;
    if (recording->vocabulary != vocabulary_) {
      throw Error("TARA_REFERENCE_MISMATCH", {{"path", weights.path}, {"reason", "it has " + std::to_string(vocabulary_) + " tokens, the reference " + std::to_string(recording->vocabulary)}});
    }
    if (excerpt_.first_row + chunks_ * rows_in(excerpt_.chunk_length) > recording->rows) throw Error("TARA_INTERNAL", {{"reason", "a recording has fewer rows"}});
  }
}

void Evaluator::begin(const Lodging & lodging) {
  vocabulary_ = static_cast<size_t>(llama_vocab_n_tokens(lodging.weights->vocab));
  check(*lodging.weights, lodging.context_tokens);
  if (excerpt_.record) excerpt_.record->open();
  most_tokens_ = even_part(excerpt_.chunk_length, BATCH);
  most_rows_ = even_part(rows_in(excerpt_.chunk_length), std::clamp<size_t>(LOGITS_BYTES / (vocabulary_ * sizeof(float)), LEAST_ROWS, BATCH));
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(excerpt_.chunk_length);
  options.batch = static_cast<uint32_t>(most_tokens_);
  options.outputs = static_cast<uint32_t>(most_rows_);
  threads_ = &lodging.threads;
  context_ = std::make_unique<Context>(lodging.weights, options, lodging.threads, [this, &closing = lodging.closing] { return closing || job->cancelled(); });
}

// The last token is fed, too, though it gives nothing: see LEAST_ROWS.
void Evaluator::fill_batch() {
  const llama_vocab * vocab = context_->weights().vocab;
  const llama_token * chunk = &excerpt_.tokens[chunk_ * excerpt_.chunk_length];
  batch_.clear();
  followers_.clear();
  for (; fed_ < excerpt_.chunk_length && static_cast<size_t>(batch_.size()) < most_tokens_; ++fed_) {
    const bool scored = fed_ >= excerpt_.chunk_length / 2 && fed_ + 1 < excerpt_.chunk_length;
    if (scored && followers_.size() == most_rows_) break;
    const bool starts = fed_ == 0 && llama_vocab_get_add_bos(vocab);
    batch_.add(starts ? llama_vocab_bos(vocab) : chunk[fed_], static_cast<llama_pos>(fed_), 0, scored);
    if (scored) followers_.push_back(chunk[fed_ + 1]);
  }
}

void Evaluator::take_rows() {
  if (followers_.empty()) return;
  const float * logits = llama_get_logits(context_->get());
  if (logits == nullptr) throw Error("TARA_INTERNAL", {{"reason", "a decode gave no logits"}});
  const size_t from = losses_.size();
  const size_t rows = followers_.size();
  losses_.resize(from + rows);
  if (excerpt_.against) {
    divergences_.resize(from + rows);
    same_top_.resize(from + rows);
  }
  for_rows(rows, threads_->granted(), [&](size_t row, Codes & buffer) {
    const float * of_row = logits + row * vocabulary_;
    const size_t kept = excerpt_.first_row + from + row;
    const Softmax softmax = softmax_of(of_row, vocabulary_);
    losses_[from + row] = loss_of(of_row, softmax, static_cast<size_t>(followers_[row]));
    if (excerpt_.record) excerpt_.record->write(kept, of_row, softmax, buffer);
    if (!excerpt_.against) return;
    const auto [divergence, same_top] = excerpt_.against->compare(kept, of_row, softmax, buffer);
    divergences_[from + row] = divergence;
    same_top_[from + row] = same_top ? 1 : 0;
  });
  for (const llama_token token : followers_) bytes_ += piece(context_->weights(), token, true).size();
}

void Evaluator::finish() {
  const size_t count = losses_.size();
  losses_.insert(losses_.end(), divergences_.begin(), divergences_.end());
  losses_.insert(losses_.end(), same_top_.begin(), same_top_.end());
  Blob blob(losses_.size() * sizeof(double));
  std::memcpy(blob.data(), losses_.data(), blob.size());
  excerpt_.record.reset();
  excerpt_.against.reset();
  job->done({{"rows", count}, {"bytes", bytes_}}, std::move(blob));
}

bool Evaluator::step() {
  fill_batch();
  const auto outcome = context_->decode(batch_.view(0, batch_.size()));
  if (outcome == Context::Outcome::aborted) return true;  // the runner sees why before the next step
  if (outcome == Context::Outcome::no_room) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room"}});
  take_rows();
  job->progress({{"done", chunk_ * excerpt_.chunk_length + fed_}, {"total", excerpt_.tokens.size()}});
  if (fed_ < excerpt_.chunk_length) return true;
  fed_ = 0;
  if (auto * memory = context_->memory(); memory != nullptr) llama_memory_clear(memory, false);
  if (++chunk_ < chunks_) return true;
  finish();
  return false;
}

}  // namespace tara::measure
