#include "measure/observing_guest.h"

namespace tara::measure {

void ObservingGuest::open(const Lodging & lodging, size_t tokens, size_t batch) {
  ContextOptions options;
  options.tokens = static_cast<uint32_t>(tokens);
  options.batch = static_cast<uint32_t>(batch);
  // No logits are wanted, but the last layer computes only the tokens that something is wanted of.
  options.embeddings = true;
  options.pooling = LLAMA_POOLING_TYPE_NONE;
  options.observe = on_node;
  options.observer = this;
  ReadingGuest::open(lodging, options);
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

Context::Outcome ObservingGuest::decode(const llama_batch & batch) {
  begin_graph();
  const auto outcome = ReadingGuest::decode(batch);
  if (failure_) std::rethrow_exception(failure_);
  return outcome;
}

}  // namespace tara::measure
