#include "quant/lanes/kernels.h"

#include <cstdlib>
#include <cstring>

namespace tara::quant {

bool isa_runs_here(Isa isa) {
  switch (isa) {
    case Isa::ggml:
      return true;
#if defined(__GNUC__)
    case Isa::baseline:
      return true;
#endif
#if defined(__GNUC__) && defined(__x86_64__)
    case Isa::avx2:
      return __builtin_cpu_supports("avx2");
    case Isa::avx512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    default:
      return false;
  }
}

namespace {

Isa choose() {
  Isa best = Isa::ggml;
  for (const auto & [name, isa] : ISA_NAMES) {
    if (isa_runs_here(isa)) best = isa;
  }
  const char * wanted = std::getenv("TARA_ISA");
  if (!wanted) return best;
  for (const auto & [name, isa] : ISA_NAMES) {
    if (std::strcmp(wanted, name) == 0 && isa_runs_here(isa)) return isa;
  }
  return best;
}

}  // namespace

Isa best_isa() {
  static const Isa chosen = choose();
  return chosen;
}

bool encode_lanes(Isa isa, ggml_type type, const float * from, void * to, int64_t rows, int64_t cols, const float * weights) {
  switch (isa) {
#if defined(__GNUC__)
    case Isa::baseline:
      return encode_baseline(type, from, to, rows, cols, weights);
#endif
#if defined(__GNUC__) && defined(__x86_64__)
    case Isa::avx2:
      return encode_avx2(type, from, to, rows, cols, weights);
    case Isa::avx512:
      return encode_avx512(type, from, to, rows, cols, weights);
#endif
    default:
      return false;
  }
}

}  // namespace tara::quant
