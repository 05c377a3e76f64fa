#include "measure/observing_guest.h"

#include <algorithm>
#include <cstring>

#include "ggml-backend.h"

namespace tara::measure {

namespace {

size_t tokens_in(const std::vector<Tokens> & texts) {
  size_t total = 0;
  for (const auto & text : texts) total += text.size();
  return total;
}

}  // namespace

ObservingGuest::ObservingGuest(JobPtr job, std::vector<Tokens> texts) : Guest(std::move(job)), texts_(std::move(texts)), total_(tokens_in(texts_)) {}

void ObservingGuest::open(const Lodging & lodging, size_t tokens, size_t batch) {
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(tokens);
  options.batch = static_cast<uint32_t>(batch);
  // No logits are wanted, but the last layer computes only the tokens that something is wanted of.
  options.embeddings = true;
  options.pooling = LLAMA_POOLING_TYPE_NONE;
  options.observe = on_node;
  options.observer = this;
  context_ = std::make_unique<Context>(lodging.weights, options, lodging.threads, [this, &closing = lodging.closing] { return closing || job->cancelled(); });
}

bool ObservingGuest::on_node(ggml_tensor * node, bool ask, void * self) noexcept {
  auto & guest = *static_cast<ObservingGuest *>(self);
  try {
    return ask ? !guest.failure_ && guest.wants(node) : guest.take(node);
  } catch (...) {
    guest.failure_ = std::current_exception();
    return false;
  }
}

// On other devices a weight is called CUDA0#blk.0.attn_k.weight#0.
std::string ObservingGuest::weight_name(const ggml_tensor * weight) {
  const char * begin = std::strchr(weight->name, '#');
  if (begin == nullptr) return weight->name;
  const char * end = std::strchr(++begin, '#');
  return end == nullptr ? begin : std::string(begin, end);
}

const char * ObservingGuest::on_host(const ggml_tensor * tensor, std::vector<char> & staged) {
  const ggml_backend_buffer_t buffer = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
  if (buffer == nullptr || ggml_backend_buffer_is_host(buffer)) return static_cast<const char *>(tensor->data);
  staged.resize(ggml_nbytes(tensor));
  ggml_backend_tensor_get(tensor, staged.data(), 0, staged.size());
  return staged.data();
}

bool ObservingGuest::step() {
  const Tokens & text = texts_[text_];
  const size_t count = std::min<size_t>(context_->batch_limit(), text.size() - fed_);
  batch_.clear();
  for (size_t i = 0; i < count; ++i) batch_.add(text[fed_ + i], static_cast<llama_pos>(fed_ + i), 0, true);
  begin_graph();
  const auto outcome = context_->decode(batch_.view(0, batch_.size()));
  if (failure_) std::rethrow_exception(failure_);
  if (outcome == Context::Outcome::aborted) return true;  // the runner sees why before the next step
  if (outcome == Context::Outcome::no_room) throw Error("TARA_DECODE_FAILED", {{"reason", "the context found no room"}});
  end_graph();
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
