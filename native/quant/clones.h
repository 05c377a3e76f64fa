// One function, compiled for several instruction sets, chosen when the addon is loaded.
// Without contraction of multiply-adds every width gives the same bytes.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define TARA_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define TARA_CLONES
#endif

namespace tara::quant {

// x where the condition holds, else 0: by bits, since compilers make branches of it where a vector was meant.
inline float where(bool condition, float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  bits &= 0u - static_cast<uint32_t>(condition);
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

}  // namespace tara::quant
