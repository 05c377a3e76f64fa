#include "measure/observing_guest.h"

#include <cstring>

#include "ggml-backend.h"

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

bool ObservingGuest::is_plain(const ggml_tensor * rows, size_t size) {
  return rows->type == GGML_TYPE_F32 && ggml_is_contiguous(rows) && rows->ne[2] == 1 && rows->ne[3] == 1 && rows->ne[0] == static_cast<int64_t>(size);
}

Context::Outcome ObservingGuest::decode(const llama_batch & batch) {
  begin_graph();
  const auto outcome = ReadingGuest::decode(batch);
  if (failure_) std::rethrow_exception(failure_);
  return outcome;
}

}  // namespace tara::measure
