#include "engine/nodes.h"

#include <cstring>

#include "ggml-backend.h"

namespace tara {

// On other devices a weight is called CUDA0#blk.0.attn_k.weight#0.
std::string weight_name(const ggml_tensor * weight) {
  const char * begin = std::strchr(weight->name, '#');
  if (begin == nullptr) return weight->name;
  const char * end = std::strchr(++begin, '#');
  return end == nullptr ? begin : std::string(begin, end);
}

bool is_plain(const ggml_tensor * rows, size_t size) {
  return rows->type == GGML_TYPE_F32 && ggml_is_contiguous(rows) && rows->ne[2] == 1 && rows->ne[3] == 1 && rows->ne[0] == static_cast<int64_t>(size);
}

const char * on_host(const ggml_tensor * tensor, std::vector<char> & staged) {
  const ggml_backend_buffer_t buffer = tensor->view_src != nullptr ? tensor->view_src->buffer : tensor->buffer;
  if (buffer == nullptr || ggml_backend_buffer_is_host(buffer)) return static_cast<const char *>(tensor->data);
  staged.resize(ggml_nbytes(tensor));
  ggml_backend_tensor_get(tensor, staged.data(), 0, staged.size());
  return staged.data();
}

}  // namespace tara
