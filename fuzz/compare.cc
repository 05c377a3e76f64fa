#include "compare.h"

#include <cstdio>
#include <cstdlib>

#include "quant/lanes/kernels.h"

namespace tara::quant {

#ifdef TARA_WIDE
bool encode_wide(ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights);
#endif

std::vector<uint8_t> compare(const Rows & rows) {
  const auto & [type, cols, values, importance] = rows;
  const float * weights = importance.empty() ? nullptr : importance.data();
  const int64_t count = static_cast<int64_t>(values.size()) / cols;
  const size_t bytes = static_cast<size_t>(count) * ggml_row_size(type, cols);
  std::vector<uint8_t> expected(bytes), got(bytes);
  ggml_quantize_chunk(type, values.data(), expected.data(), 0, count, cols, weights);
  const auto same = [&, type = type](const char * name) {
    if (expected == got) return;
    size_t at = 0;
    while (expected[at] == got[at]) ++at;
    std::fprintf(stderr, "%s, %s: byte %zu of %zu differs (%u against ggml's %u)\n", name, ggml_type_name(type), at, bytes, got[at], expected[at]);
    std::abort();
  };
  for (const auto & [name, isa] : ISA_NAMES) {
    if (isa_runs_here(isa) && encode_lanes(isa, type, values.data(), got.data(), count, cols, weights)) same(name);
  }
#ifdef TARA_WIDE
  encode_wide(type, values.data(), got.data(), count, cols, weights);
  same("wide");
#endif
  return expected;
}

}  // namespace tara::quant
