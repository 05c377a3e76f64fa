// Whether stored numbers are finite: floats of every width, and the scales of quantized blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tara::scan {

// How to look at a tensor's bytes: `bytes` make one element.
struct Element {
  enum class Kind { f64, f32, f16, bf16, f8_e5m2, f8_e4m3, f8_e8m0, block };
  Kind kind;
  size_t bytes;
  // Of a block: where its one or two halves lie.
  size_t scale = 0;
  int scales = 0;
};

// By the name of a safetensors dtype or a GGUF type; false where nothing in it can be NaN or infinite, or nobody here can tell.
bool element_of(const std::string & type, Element & element);

// `bytes` are whole elements, aligned for a double.
bool all_finite(const Element & element, const void * data, size_t bytes);

}  // namespace tara::scan
