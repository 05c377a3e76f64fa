// libFuzzer: the kernels' bytes against ggml's, for any floats, importance, type, row length and instruction set.
// Build and run: docs/quantize-kernels.md.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "ggml.h"
#include "quant/lanes/kernels.h"

namespace tara::quant {

bool encode_wide(ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights);

}  // namespace tara::quant

namespace {

constexpr ggml_type TYPES[] = {
    GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1, GGML_TYPE_Q8_0, GGML_TYPE_Q2_K,
    GGML_TYPE_Q3_K, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K, GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS,
};
constexpr size_t TYPE_COUNT = sizeof TYPES / sizeof TYPES[0];

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
  const ggml_type type = TYPES[data[0] % TYPE_COUNT];
  const bool with_importance = data[1] & 1, coarse = data[1] & 2, coarse_importance = data[1] & 4;
  const int64_t cols = ggml_blck_size(type) * (1 + data[2] % 3), rows = 1 + data[3] % 40;
  const auto values = floats(data + 4, size - 4, static_cast<size_t>(rows * cols), coarse);
  const auto importance = floats(data + 4 + size / 3, size - 4 - size / 3, static_cast<size_t>(cols), coarse_importance);
  const float * weights = with_importance ? importance.data() : nullptr;
  const size_t bytes = static_cast<size_t>(rows) * ggml_row_size(type, cols);
  std::vector<uint8_t> expected(bytes), got(bytes);
  ggml_quantize_chunk(type, values.data(), expected.data(), 0, rows, cols, weights);
  const auto compare = [&](const char * name) {
    if (expected == got) return;
    size_t at = 0;
    while (expected[at] == got[at]) ++at;
    std::fprintf(stderr, "%s, %s: byte %zu of %zu differs (%u against ggml's %u)\n", name, ggml_type_name(type), at, bytes, got[at], expected[at]);
    std::abort();
  };
  for (const auto & [name, isa] : ISA_NAMES) {
    if (isa_runs_here(isa) && encode_lanes(isa, type, values.data(), got.data(), rows, cols, weights)) compare(name);
  }
  encode_wide(type, values.data(), got.data(), rows, cols, weights);
  compare("wide");
  return 0;
}
