#include "engine/embedder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace tara {

namespace {

constexpr size_t CHUNK = 128;

enum llama_pooling_type pooling_of(const Weights & weights) {
  const std::string text = weights.arch_meta("pooling_type");
  if (text == "2") return LLAMA_POOLING_TYPE_CLS;
  if (text == "3") return LLAMA_POOLING_TYPE_LAST;
  if (text == "4") return LLAMA_POOLING_TYPE_RANK;
  return LLAMA_POOLING_TYPE_MEAN;
}

// Causal models are fed in chunks and pooled here: llama.cpp pools within one micro-batch only, and would compute
// the logits of every token of it at once.
ContextOptions options_for(size_t context, bool own_pooling, enum llama_pooling_type pooling, BlockStates & states) {
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(context);
  options.batch = static_cast<uint32_t>(own_pooling ? std::min(CHUNK, context) : context);
  options.embeddings = true;
  options.pooling = own_pooling ? LLAMA_POOLING_TYPE_NONE : pooling;
  options.observe = BlockStates::on_node;
  options.observer = &states;
  return options;
}

}  // namespace

std::optional<std::string> embedding_refusal(const Weights & weights) {
  if (pooling_of(weights) == LLAMA_POOLING_TYPE_RANK) return "it ranks pairs of texts and gives no embeddings";
  return std::nullopt;
}

Embedder::Embedder(std::shared_ptr<Weights> weights, size_t context, Threads & threads, const std::atomic<bool> & closing)
    : context_tokens_(context),
      closing_(closing),
      own_pooling_(weights->causal()),
      pooling_(pooling_of(*weights)),
      dimensions_(static_cast<size_t>(llama_model_n_embd_out(weights->model))),
      states_(static_cast<size_t>(llama_model_n_embd(weights->model)), weights->path),
      context_(weights, options_for(context, own_pooling_, pooling_, states_), threads,
               [this] { return closing_ || (!requests_.empty() && requests_.front().job->cancelled()); }),
      sum_(dimensions_) {}

void Embedder::add(EmbedRequest request) {
  for (const auto & text : request.texts) {
    if (text.size() <= context_tokens_) continue;
    request.job->fail({"TARA_CONTEXT_FULL", {{"tokens", text.size()}, {"limit", context_tokens_}}});
    return;
  }
  requests_.push_back(std::move(request));
}

void Embedder::reset_text() {
  fed_ = 0;
  std::fill(sum_.begin(), sum_.end(), 0.0);
  if (auto * memory = context_.memory(); memory != nullptr) llama_memory_clear(memory, false);
}

void Embedder::fail_all(const Failure & failure) {
  for (auto & request : requests_) request.job->fail(request.job->cancelled() ? Failure{"TARA_ABORTED"} : failure);
  requests_.clear();
}

void Embedder::sweep_cancelled() {
  for (auto request = requests_.begin(); request != requests_.end();) {
    if (!request->job->cancelled()) {
      ++request;
      continue;
    }
    request->job->fail({"TARA_ABORTED"});
    if (request == requests_.begin()) {
      text_ = 0;
      rows_.clear();
      reset_text();
    }
    request = requests_.erase(request);
  }
}

void Embedder::pool(const Tokens & text, size_t from, size_t count) {
  for (size_t i = 0; i < count; ++i) {
    const bool wanted = pooling_ == LLAMA_POOLING_TYPE_MEAN || (pooling_ == LLAMA_POOLING_TYPE_CLS && from + i == 0) ||
                        (pooling_ == LLAMA_POOLING_TYPE_LAST && from + i + 1 == text.size());
    if (!wanted) continue;
    const float * row = llama_get_embeddings_ith(context_.get(), static_cast<int32_t>(i));
    if (row == nullptr) throw Error("TARA_INTERNAL", {{"reason", "a decode gave no embeddings"}});
    for (size_t d = 0; d < dimensions_; ++d) sum_[d] += row[d];
  }
}

void Embedder::append(const std::vector<double> & values, double divisor) {
  double square = 0;
  for (const double value : values) square += (value / divisor) * (value / divisor);
  if (!std::isfinite(square)) throw Error("TARA_LOGITS_INVALID");
  const double length = requests_.front().normalize && square > 0 ? std::sqrt(square) : 1;
  for (const double value : values) rows_.push_back(static_cast<float>(value / divisor / length));
}

void Embedder::finish_text() {
  const size_t tokens = requests_.front().texts[text_].size();
  append(sum_, own_pooling_ && pooling_ == LLAMA_POOLING_TYPE_MEAN ? static_cast<double>(tokens) : 1);
  for (const auto & sum : states_.take(tokens)) append(sum, static_cast<double>(tokens));
  ++text_;
  reset_text();
}

void Embedder::step_text() {
  const Tokens & text = requests_.front().texts[text_];
  if (fed_ == 0) states_.begin(requests_.front().blocks);
  const size_t count = own_pooling_ ? std::min(CHUNK, text.size() - fed_) : text.size();
  batch_.clear();
  for (size_t i = 0; i < count; ++i) batch_.add(text[fed_ + i], static_cast<llama_pos>(fed_ + i), 0, true);
  switch (context_.decode(batch_.view(0, batch_.size()))) {
    case Context::Outcome::done: break;
    case Context::Outcome::aborted: return;
    case Context::Outcome::no_room: throw Error("TARA_DECODE_FAILED", {{"reason", "the embedding context found no room"}});
  }
  if (own_pooling_) {
    pool(text, fed_, count);
  } else {
    const float * row = llama_get_embeddings_seq(context_.get(), 0);
    if (row == nullptr) throw Error("TARA_INTERNAL", {{"reason", "a decode gave no embedding"}});
    for (size_t d = 0; d < dimensions_; ++d) sum_[d] = row[d];
  }
  fed_ += count;
  if (fed_ == text.size()) finish_text();
}

void Embedder::step() {
  sweep_cancelled();
  if (requests_.empty()) return;
  auto & request = requests_.front();
  try {
    if (text_ < request.texts.size()) step_text();
    if (text_ < request.texts.size()) return;
    size_t tokens = 0;
    for (const auto & text : request.texts) tokens += text.size();
    Blob blob(rows_.size() * sizeof(float));
    std::memcpy(blob.data(), rows_.data(), blob.size());
    request.job->done({{"dimensions", rows_.size() / request.texts.size()}, {"texts", request.texts.size()}, {"tokens", tokens}}, std::move(blob));
  } catch (...) {
    request.job->fail(current_failure());
    reset_text();
  }
  text_ = 0;
  rows_.clear();
  requests_.pop_front();
}

}  // namespace tara
