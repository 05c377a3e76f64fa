// Many floats at once: two native vectors side by side, so that the long chains of one hide behind the other.
// Compiled once for each instruction set (TARA_LANE_WIDTH floats in a native vector); everything here has internal
// linkage, because code of different instruction sets must never be merged by the linker.
//
// Every operation is the scalar one in each lane: no contraction, no reassociation, the operand order of min and max kept.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#ifndef TARA_LANE_WIDTH
#error "define TARA_LANE_WIDTH: floats in a native vector"
#endif

#define LANE_INLINE static inline __attribute__((always_inline))
#define LANE_METHOD inline __attribute__((always_inline))
#if defined(__clang__)
#define LANE_UNROLL
#else
#define LANE_UNROLL _Pragma("GCC unroll 8")
#endif

namespace tara::quant {

namespace {

constexpr int WIDTH = TARA_LANE_WIDTH;
constexpr int LANES = 2 * WIDTH;

typedef float Vf __attribute__((vector_size(4 * WIDTH)));
typedef int32_t Vi __attribute__((vector_size(4 * WIDTH)));
typedef float V4 __attribute__((vector_size(16)));

// LANES floats.
struct F {
  Vf lo, hi;
};
// LANES integers, or a mask (0 or -1 in each lane).
struct I {
  Vi lo, hi;
};

#define LANE_BINARY(type, op) \
  LANE_INLINE type operator op(type a, type b) { return {a.lo op b.lo, a.hi op b.hi}; }
LANE_BINARY(F, +)
LANE_BINARY(F, -)
LANE_BINARY(F, *)
LANE_BINARY(F, /)
LANE_BINARY(I, +)
LANE_BINARY(I, -)
LANE_BINARY(I, *)
LANE_BINARY(I, &)
LANE_BINARY(I, |)
LANE_BINARY(I, ^)
#undef LANE_BINARY

#define LANE_COMPARE(type, op) \
  LANE_INLINE I operator op(type a, type b) { return {(Vi)(a.lo op b.lo), (Vi)(a.hi op b.hi)}; }
LANE_COMPARE(F, <)
LANE_COMPARE(F, >)
LANE_COMPARE(F, <=)
LANE_COMPARE(F, >=)
LANE_COMPARE(F, ==)
LANE_COMPARE(F, !=)
LANE_COMPARE(I, <)
LANE_COMPARE(I, >)
LANE_COMPARE(I, ==)
#undef LANE_COMPARE

LANE_INLINE I operator~(I a) { return {~a.lo, ~a.hi}; }
LANE_INLINE I operator<<(I a, int n) { return {a.lo << n, a.hi << n}; }
// Arithmetic: the sign comes in from the left.
LANE_INLINE I operator>>(I a, int n) { return {a.lo >> n, a.hi >> n}; }
LANE_INLINE I shift_right_logical(I a, int n) {
  typedef uint32_t Vu __attribute__((vector_size(4 * WIDTH)));
  return {(Vi)((Vu)a.lo >> n), (Vi)((Vu)a.hi >> n)};
}

LANE_INLINE F all(float value) {
  const Vf v = value - Vf{};  // minus keeps -0
  return {v, v};
}
LANE_INLINE I all(int32_t value) {
  const Vi v = value - Vi{};
  return {v, v};
}

LANE_INLINE I bits_of(F a) { return {(Vi)a.lo, (Vi)a.hi}; }
LANE_INLINE F of_bits(I a) { return {(Vf)a.lo, (Vf)a.hi}; }
LANE_INLINE F select(I mask, F yes, F no) { return {mask.lo ? yes.lo : no.lo, mask.hi ? yes.hi : no.hi}; }
LANE_INLINE I select(I mask, I yes, I no) { return {mask.lo ? yes.lo : no.lo, mask.hi ? yes.hi : no.hi}; }
// yes where the mask is set, else 0.
LANE_INLINE F keep(I mask, F yes) { return of_bits(bits_of(yes) & mask); }

LANE_INLINE F abs(F a) { return of_bits(bits_of(a) & all(0x7fffffff)); }
LANE_INLINE F operator-(F a) { return of_bits(bits_of(a) ^ all(int32_t{INT32_MIN})); }
// a > b ? a : b, as MAX does it: with NaN or two zeros the order of the operands decides, and x86's instruction decides alike.
// The compilers do not see that by themselves.
#if defined(__AVX512F__) && TARA_LANE_WIDTH == 16
LANE_INLINE Vf max(Vf a, Vf b) { return (Vf)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b); }
LANE_INLINE Vf min(Vf a, Vf b) { return (Vf)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b); }
LANE_INLINE Vi max(Vi a, Vi b) { return (Vi)_mm512_maskz_max_epi32(0xffff, (__m512i)a, (__m512i)b); }
LANE_INLINE Vi min(Vi a, Vi b) { return (Vi)_mm512_maskz_min_epi32(0xffff, (__m512i)a, (__m512i)b); }
#elif defined(__AVX2__) && TARA_LANE_WIDTH == 8
LANE_INLINE Vf max(Vf a, Vf b) { return (Vf)_mm256_max_ps((__m256)a, (__m256)b); }
LANE_INLINE Vf min(Vf a, Vf b) { return (Vf)_mm256_min_ps((__m256)a, (__m256)b); }
LANE_INLINE Vi max(Vi a, Vi b) { return (Vi)_mm256_max_epi32((__m256i)a, (__m256i)b); }
LANE_INLINE Vi min(Vi a, Vi b) { return (Vi)_mm256_min_epi32((__m256i)a, (__m256i)b); }
#else
#if defined(__SSE2__) && TARA_LANE_WIDTH == 4
LANE_INLINE Vf max(Vf a, Vf b) { return (Vf)_mm_max_ps((__m128)a, (__m128)b); }
LANE_INLINE Vf min(Vf a, Vf b) { return (Vf)_mm_min_ps((__m128)a, (__m128)b); }
#else
LANE_INLINE Vf max(Vf a, Vf b) { return a > b ? a : b; }
LANE_INLINE Vf min(Vf a, Vf b) { return a < b ? a : b; }
#endif
LANE_INLINE Vi max(Vi a, Vi b) { return a > b ? a : b; }
LANE_INLINE Vi min(Vi a, Vi b) { return a < b ? a : b; }
#endif
LANE_INLINE F max(F a, F b) { return {max(a.lo, b.lo), max(a.hi, b.hi)}; }
LANE_INLINE F min(F a, F b) { return {min(a.lo, b.lo), min(a.hi, b.hi)}; }
LANE_INLINE I max(I a, I b) { return {max(a.lo, b.lo), max(a.hi, b.hi)}; }
LANE_INLINE I min(I a, I b) { return {min(a.lo, b.lo), min(a.hi, b.hi)}; }

LANE_INLINE F to_float(I a) { return {__builtin_convertvector(a.lo, Vf), __builtin_convertvector(a.hi, Vf)}; }
// Towards zero; the values must fit.
LANE_INLINE I truncate(F a) { return {__builtin_convertvector(a.lo, Vi), __builtin_convertvector(a.hi, Vi)}; }

LANE_INLINE Vf sqrt(Vf a) {
#if defined(__AVX512F__) && TARA_LANE_WIDTH == 16
  return (Vf)_mm512_maskz_sqrt_ps(0xffff, (__m512)a);
#elif defined(__AVX__) && TARA_LANE_WIDTH == 8
  return (Vf)_mm256_sqrt_ps((__m256)a);
#elif defined(__SSE2__) && TARA_LANE_WIDTH == 4
  return (Vf)_mm_sqrt_ps((__m128)a);
#elif defined(__aarch64__) && TARA_LANE_WIDTH == 4
  return (Vf)vsqrtq_f32((float32x4_t)a);
#else
  for (int i = 0; i < WIDTH; ++i) a[i] = __builtin_sqrtf(a[i]);
  return a;
#endif
}
LANE_INLINE F sqrt(F a) { return {sqrt(a.lo), sqrt(a.hi)}; }

// The lanes of a mask that are set, as bits.
LANE_INLINE uint32_t bits_set(Vi mask) {
#if defined(__AVX512F__) && TARA_LANE_WIDTH == 16
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX2__) && TARA_LANE_WIDTH == 8
  return static_cast<uint32_t>(_mm256_movemask_ps((__m256)mask));
#elif defined(__SSE2__) && TARA_LANE_WIDTH == 4
  return static_cast<uint32_t>(_mm_movemask_ps((__m128)mask));
#else
  uint32_t bits = 0;
  for (int i = 0; i < WIDTH; ++i) bits |= static_cast<uint32_t>(mask[i] & 1) << i;
  return bits;
#endif
}
LANE_INLINE uint32_t bits_set(I mask) { return bits_set(mask.lo) | bits_set(mask.hi) << WIDTH; }
LANE_INLINE bool any(I mask) { return bits_set(mask.lo | mask.hi) != 0; }

// One value for each lane, by memory.
LANE_INLINE F load(const float * from) {
  F to;
  std::memcpy(&to, from, sizeof to);
  return to;
}
LANE_INLINE void store(int32_t * to, I from) { std::memcpy(to, &from, sizeof from); }
LANE_INLINE void copy_lane(F & to, int to_lane, const F & from, int from_lane) {
  std::memcpy(reinterpret_cast<char *>(&to) + 4 * to_lane, reinterpret_cast<const char *>(&from) + 4 * from_lane, 4);
}

// The scalar code rounds to an integer by adding 1.5 * 2^23 and taking the bits: exact, ties to even, up to 4194303.
// Beyond that it wraps and NaN gives 0; the same bit operations do the same here.
constexpr float ROUNDER = 12582912.0f;
constexpr float ROUND_LIMIT = 4194303.0f;
LANE_INLINE I nearest_int(F a) { return (bits_of(a + all(ROUNDER)) & all(0x007fffff)) - all(0x00400000); }

// Rounded to a whole number as nearest_int does it, as a float, for |a| <= ROUND_LIMIT only. A zero may come out negative.
LANE_INLINE Vf nearest(Vf a) {
#if defined(__AVX512F__) && TARA_LANE_WIDTH == 16
  return (Vf)_mm512_maskz_roundscale_ps(0xffff, (__m512)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__) && TARA_LANE_WIDTH == 8
  return (Vf)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__) && TARA_LANE_WIDTH == 4
  return (Vf)vrndnq_f32((float32x4_t)a);
#else
  const Vf rounder = ROUNDER - Vf{};
  return (a + rounder) - rounder;
#endif
}
LANE_INLINE F nearest(F a) { return {nearest(a.lo), nearest(a.hi)}; }

// Cuts of values that are no NaN, by their bits: integer units are idle where those for floats are busy. Positive floats order
// like signed integers, below every negative one; the bits of negative ones grow with their size, above all positive ones.
#if defined(__SSE2__) && TARA_LANE_WIDTH == 4  // which has no such integer instructions
LANE_INLINE F at_least_zero(F a) { return max(a, all(0.0f)); }
LANE_INLINE F at_most(F a, float high) { return min(a, all(high)); }
LANE_INLINE F at_least(F a, float low) { return max(a, all(low)); }
#else
LANE_INLINE Vi min_unsigned(Vi a, Vi b) {
#if defined(__AVX512F__) && TARA_LANE_WIDTH == 16
  return (Vi)_mm512_maskz_min_epu32(0xffff, (__m512i)a, (__m512i)b);
#elif defined(__AVX2__) && TARA_LANE_WIDTH == 8
  return (Vi)_mm256_min_epu32((__m256i)a, (__m256i)b);
#else
  typedef uint32_t Vu __attribute__((vector_size(4 * WIDTH)));
  return (Vu)a < (Vu)b ? a : b;
#endif
}
LANE_INLINE F at_least_zero(F a) { return of_bits(max(bits_of(a), all(0))); }
// `high` is positive.
LANE_INLINE F at_most(F a, float high) { return of_bits(min(bits_of(a), bits_of(all(high)))); }
// `low` is negative.
LANE_INLINE F at_least(F a, float low) {
  const I x = bits_of(a), l = bits_of(all(low));
  return of_bits(I{min_unsigned(x.lo, l.lo), min_unsigned(x.hi, l.hi)});
}
#endif
LANE_INLINE I out_of_round_range(F a) { return ~(abs(a) <= all(ROUND_LIMIT)); }

// float32 -> float16, ties to even, NaN -> 0x7e00 with its sign: what the CPU's own instruction does, in plain float32.
LANE_INLINE I to_half(F a) {
  const I word = bits_of(a);
  const I magnitude = word & all(0x7fffffff);
  // Scaled up and down again, what is too large for float16 becomes infinity.
  F rounded = (abs(a) * all(0x1.0p+112f)) * all(0x1.0p-110f);
  // Adding a power of two 13 places above makes the hardware round at float16's last place.
  const I exponent = max(word & all(0x7f800000), all(0x38800000));
  rounded = of_bits(exponent + all(0x07800000)) + rounded;
  const I bits = bits_of(rounded);
  const I half = (shift_right_logical(bits, 13) & all(0x7c00)) + (bits & all(0x0fff));
  const I sign = shift_right_logical(word, 16) & all(0x8000);
  return sign | select(magnitude > all(0x7f800000), all(0x7e00), half);
}

// float16 (in the low bits) -> float32, exact.
LANE_INLINE F from_half(I half) {
  const I sign = (half & all(0x8000)) << 16;
  const I twice = (half & all(0x7fff)) << 17;
  const F normal = of_bits(shift_right_logical(twice, 4) + all(int32_t(0xe0u << 23))) * all(0x1.0p-112f);
  const F denormal = of_bits(shift_right_logical(twice, 17) | all(126 << 23)) - all(0.5f);
  const I small = (half & all(0x7fff)) < all(0x0400);
  return of_bits(sign | select(small, bits_of(denormal), bits_of(normal)));
}

// ---- between rows in memory and lanes

LANE_INLINE V4 load4(const float * from) {
  V4 to;
  std::memcpy(&to, from, sizeof to);
  return to;
}

template <typename Vector, int... Index>
LANE_INLINE Vector shuffle(Vector a, Vector b, std::integer_sequence<int, Index...>) {
  return __builtin_shufflevector(a, b, Index...);
}

// Four floats of each of WIDTH / 4 rows, `stride` rows apart, side by side.
LANE_INLINE Vf four_of_each(const float * const * rows, int64_t at) {
#if TARA_LANE_WIDTH == 4
  return load4(rows[0] + at);
#elif TARA_LANE_WIDTH == 8
  return __builtin_shufflevector(load4(rows[0] + at), load4(rows[4] + at), 0, 1, 2, 3, 4, 5, 6, 7);
#else
  typedef float V8 __attribute__((vector_size(32)));
  const V8 a = __builtin_shufflevector(load4(rows[0] + at), load4(rows[4] + at), 0, 1, 2, 3, 4, 5, 6, 7);
  const V8 b = __builtin_shufflevector(load4(rows[8] + at), load4(rows[12] + at), 0, 1, 2, 3, 4, 5, 6, 7);
  return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#endif
}

// Within each group of four: elements p and q of a, then p and q of b, as PAIR says; groups stay apart.
template <int A0, int A1, int A2, int A3, int... Index>
LANE_INLINE Vf in_fours(Vf a, Vf b, std::integer_sequence<int, Index...>) {
  constexpr int pick[4] = {A0, A1, A2, A3};  // 0..3: of a, 4..7: of b
  return __builtin_shufflevector(a, b, ((Index & ~3) + (pick[Index & 3] & 3) + (pick[Index & 3] >= 4 ? WIDTH : 0))...);
}
template <int A0, int A1, int A2, int A3>
LANE_INLINE Vf in_fours(Vf a, Vf b) {
  return in_fours<A0, A1, A2, A3>(a, b, std::make_integer_sequence<int, WIDTH>());
}

// Four columns of WIDTH rows.
LANE_INLINE void columns(const float * const * rows, int64_t at, Vf * c0, Vf * c1, Vf * c2, Vf * c3) {
  const Vf r0 = four_of_each(rows, at), r1 = four_of_each(rows + 1, at), r2 = four_of_each(rows + 2, at), r3 = four_of_each(rows + 3, at);
  const Vf a = in_fours<0, 4, 1, 5>(r0, r1), b = in_fours<2, 6, 3, 7>(r0, r1);
  const Vf c = in_fours<0, 4, 1, 5>(r2, r3), d = in_fours<2, 6, 3, 7>(r2, r3);
  *c0 = in_fours<0, 1, 4, 5>(a, c);
  *c1 = in_fours<2, 3, 6, 7>(a, c);
  *c2 = in_fours<0, 1, 4, 5>(b, d);
  *c3 = in_fours<2, 3, 6, 7>(b, d);
}

// to[i] gets element at + i of each of LANES rows; n is a multiple of 4.
LANE_INLINE void load_columns(const float * const * rows, int64_t at, F * to, int n) {
  for (int i = 0; i < n; i += 4) {
    columns(rows, at + i, &to[i].lo, &to[i + 1].lo, &to[i + 2].lo, &to[i + 3].lo);
    columns(rows + WIDTH, at + i, &to[i].hi, &to[i + 1].hi, &to[i + 2].hi, &to[i + 3].hi);
  }
}

// Four bytes in a word, the first one lowest.
LANE_INLINE I bytes(I b0, I b1, I b2, I b3) { return b0 | b1 << 8 | b2 << 16 | b3 << 24; }

// Each lane's words, or the low half of its word, to its own block.
LANE_INLINE void store_words(const I * words, int count, char * const * to, int offset) {
  for (int lane = 0; lane < LANES; ++lane) {
    const char * from = reinterpret_cast<const char *>(words) + 4 * lane;
    for (int i = 0; i < count; ++i) std::memcpy(to[lane] + offset + 4 * i, from + i * sizeof(I), 4);
  }
}
LANE_INLINE void store_half(I half, char * const * to, int offset) {
  for (int lane = 0; lane < LANES; ++lane) std::memcpy(to[lane] + offset, reinterpret_cast<const char *>(&half) + 4 * lane, 2);
}

}  // namespace

}  // namespace tara::quant
