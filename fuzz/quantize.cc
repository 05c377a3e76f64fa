// libFuzzer: the kernels' bytes against ggml's, for any floats, importance, type, row length and instruction set.
// Build and run: docs/quantize-kernels.md.
#include <cstring>

#include "compare.h"

namespace {

// Repeats the input until `count` floats are filled; how is a choice of the input.
std::vector<float> floats(const uint8_t * data, size_t size, size_t count, bool coarse) {
  std::vector<float> values(count);
  for (size_t i = 0; i < count; ++i) {
    if (coarse) {  // a byte a value: ordinary magnitudes, many ties
      values[i] = static_cast<int8_t>(data[i % size]) / 16.0f;
    } else {
      uint8_t bytes[4];
      for (size_t k = 0; k < 4; ++k) bytes[k] = data[(4 * i + k) % size];
      std::memcpy(&values[i], bytes, 4);
    }
  }
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t * data, size_t size) {
  using namespace tara::quant;
  if (size < 8) return 0;
  Rows rows;
  rows.type = KERNEL_TYPES[data[0] % (sizeof KERNEL_TYPES / sizeof KERNEL_TYPES[0])];
  const bool with_importance = data[1] & 1, coarse = data[1] & 2, coarse_importance = data[1] & 4;
  rows.cols = ggml_blck_size(rows.type) * (1 + data[2] % 3);
  const int64_t count = 1 + data[3] % 40;
  rows.values = floats(data + 4, size - 4, static_cast<size_t>(count * rows.cols), coarse);
  if (with_importance) rows.importance = floats(data + 4 + size / 3, size - 4 - size / 3, static_cast<size_t>(rows.cols), coarse_importance);
  compare(rows);
  return 0;
}
