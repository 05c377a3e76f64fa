// Nodes of a graph that is being computed, looked at from outside.
#pragma once

#include <string>
#include <vector>

#include "ggml.h"

namespace tara {

// The file's name of a weight, wherever it was copied to.
std::string weight_name(const ggml_tensor * weight);

// Whether these are rows of `size` float32 values, one after the other.
bool is_plain(const ggml_tensor * rows, size_t size);

// The data of a tensor; `staged` holds it where it lies on another device.
const char * on_host(const ggml_tensor * tensor, std::vector<char> & staged);

}  // namespace tara
