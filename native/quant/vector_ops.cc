#include "quant/vector_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ggml.h"
#include "quant/clones.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define TARA_X86 1
#include <immintrin.h>
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

namespace {

// Nothing is greater than a NaN, so that it stays.
inline __attribute__((always_inline)) float greater(float a, float b) { return ((a > b) | (a != a)) ? a : b; }

}  // namespace

TARA_CLONES float largest(const float * x, size_t size) {
  constexpr size_t LANES = 16;
  float lanes[LANES];
  std::fill(lanes, lanes + LANES, -INFINITY);
  size_t i = 0;
  for (; i + LANES <= size; i += LANES) {
    for (size_t lane = 0; lane < LANES; ++lane) lanes[lane] = greater(x[i + lane], lanes[lane]);
  }
  for (; i < size; ++i) lanes[0] = greater(x[i], lanes[0]);
  float top = lanes[0];
  for (const float lane : lanes) top = greater(lane, top);
  return top;
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

}  // namespace tara::quant
