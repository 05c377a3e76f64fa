#include "quant/vector_ops.h"

#include <algorithm>
#include <cstring>

#include "ggml.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TARA_X86 1
#include <immintrin.h>
#endif

// One function, compiled for several instruction sets, chosen when the addon is loaded.
#if defined(TARA_X86) && defined(__linux__) && defined(__GLIBC__) && !defined(__clang__)
#define TARA_CLONES __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define TARA_CLONES
#endif

namespace tara::quant {

TARA_CLONES uint32_t peak_bits(const float * x, int64_t n) {
  uint32_t peak = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    bits &= 0x7fffffff;
    peak = bits > peak ? bits : peak;
  }
  return peak;
}

TARA_CLONES void bf16_to_f32(const uint16_t * x, float * y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = static_cast<uint32_t>(x[i]) << 16;
    std::memcpy(y + i, &bits, sizeof bits);
  }
}

TARA_CLONES void f32_to_bf16(const float * x, uint16_t * y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, x + i, sizeof bits);
    y[i] = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  }
}

#ifdef TARA_X86

namespace {

__attribute__((target("avx,f16c"))) int64_t f16_to_f32_f16c(const uint16_t * x, float * y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i *>(x + i))));
  return i;
}

__attribute__((target("avx,f16c"))) int64_t f32_to_f16_f16c(const float * x, uint16_t * y, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i *>(y + i), _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  return i;
}

bool has_f16c() {
  static const bool has = __builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c");
  return has;
}

}  // namespace

void f16_to_f32(const uint16_t * x, float * y, int64_t n) {
  const int64_t done = has_f16c() ? f16_to_f32_f16c(x, y, n) : 0;
  ggml_fp16_to_fp32_row(x + done, y + done, n - done);
}

void f32_to_f16(const float * x, uint16_t * y, int64_t n) {
  const int64_t done = has_f16c() ? f32_to_f16_f16c(x, y, n) : 0;
  ggml_fp32_to_fp16_row(x + done, y + done, n - done);
}

#else

void f16_to_f32(const uint16_t * x, float * y, int64_t n) { ggml_fp16_to_fp32_row(x, y, n); }
void f32_to_f16(const float * x, uint16_t * y, int64_t n) { ggml_fp32_to_fp16_row(x, y, n); }

#endif

TARA_CLONES void affine(float * x, int64_t n, float scale, float offset) {
  for (int64_t i = 0; i < n; ++i) x[i] = x[i] * scale + offset;
}

TARA_CLONES void add_low_rank(float * __restrict w, int64_t n, const float * __restrict row, int64_t rank, const float * __restrict columns, int64_t stride) {
  constexpr int64_t TILE = 512;  // the sums of a tile stay in the first cache
  float sums[TILE];
  for (int64_t first = 0; first < n; first += TILE) {
    const int64_t width = std::min(TILE, n - first);
    std::fill(sums, sums + width, 0.0f);
    int64_t k = 0;
    for (; k + 4 <= rank; k += 4) {
      const float * c0 = columns + k * stride + first;
      const float * c1 = c0 + stride;
      const float * c2 = c1 + stride;
      const float * c3 = c2 + stride;
      const float r0 = row[k], r1 = row[k + 1], r2 = row[k + 2], r3 = row[k + 3];
      for (int64_t j = 0; j < width; ++j) sums[j] += (r0 * c0[j] + r1 * c1[j]) + (r2 * c2[j] + r3 * c3[j]);
    }
    for (; k < rank; ++k) {
      const float * c0 = columns + k * stride + first;
      for (int64_t j = 0; j < width; ++j) sums[j] += row[k] * c0[j];
    }
    for (int64_t j = 0; j < width; ++j) w[first + j] += sums[j];
  }
}

}  // namespace tara::quant
