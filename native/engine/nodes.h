// Nodes of a graph that is being computed, looked at from outside.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "ggml.h"

namespace tara {

// The file's name of a weight, wherever it was copied to.
std::string weight_name(const ggml_tensor * weight);

// Whether these are rows of `size` float32 values, one after the other.
bool is_plain(const ggml_tensor * rows, size_t size);

// What is kept, by weight, of one that a node multiplies plain rows of `size` values by; null for any other node.
template <typename Kept>
Kept * kept_of(const std::unordered_map<std::string, Kept *> & by_weight, const ggml_tensor * node) {
  if (node->op != GGML_OP_MUL_MAT) return nullptr;
  const auto found = by_weight.find(weight_name(node->src[0]));
  return found != by_weight.end() && is_plain(node->src[1], found->second->size) ? found->second : nullptr;
}

// The data of a tensor; `staged` holds it where it lies on another device.
const char * on_host(const ggml_tensor * tensor, std::vector<char> & staged);

}  // namespace tara
