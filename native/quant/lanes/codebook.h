// IQ4_NL and IQ4_XS: four bits that name one of sixteen uneven levels.
#pragma once

#include "quant/lanes/group.h"

namespace tara::quant {

namespace {

constexpr float LEVELS[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
// Where the nearest level changes. ggml compares the rounded distances to two neighbours; near the middle between them
// both differences are exact and a tie goes up, so that is one comparison with the middle.
constexpr float EDGES[15] = {-115.5f, -93.5f, -74, -57, -42, -28.5f, -16, -4.5f, 7, 19, 31.5f, 45.5f, 61, 79, 101};

#if TARA_LANE_WIDTH == 8 && defined(__AVX2__)
#define TARA_LOOKUP 1
LANE_INLINE Vf look_up(const float * table, Vi index) {
  return (Vf)_mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)index);
}
#elif TARA_LANE_WIDTH == 16 && defined(__AVX512F__)
#define TARA_LOOKUP 1
LANE_INLINE Vf look_up(const float * table, Vi index) {
  return (Vf)_mm512_maskz_permutexvar_ps(0xffff, (__m512i)index, _mm512_castps256_ps512(_mm256_loadu_ps(table)));
}
#endif

#ifdef TARA_LOOKUP

alignas(32) constexpr float EDGES_2[8] = {-93.5f, -28.5f, 19, 79, -93.5f, -28.5f, 19, 79};
alignas(32) constexpr float EDGES_3[8] = {-115.5f, -74, -42, -16, 7, 31.5f, 61, 101};
alignas(32) constexpr float EVEN[8] = {-127, -83, -49, -22, 1, 25, 53, 89};
alignas(32) constexpr float ODD[8] = {-104, -65, -35, -10, 13, 38, 69, 113};

LANE_INLINE F look_up(const float * table, I index) { return {look_up(table, index.lo), look_up(table, index.hi)}; }

// The level nearest to a, and its index: four comparisons, the edge of each looked up by the ones before.
LANE_INLINE F nearest_level(F a, I & index) {
  const I upper = a >= all(EDGES[7]);
  const I second = a >= select(upper, all(EDGES[11]), all(EDGES[3]));
  index = all(0) - (upper + upper + second);
  const I third = a >= look_up(EDGES_2, index);
  index = index + index - third;
  const I fourth = a >= look_up(EDGES_3, index);
  const F level = select(fourth, look_up(ODD, index), look_up(EVEN, index));
  index = index + index - fourth;
  return level;
}

#else

LANE_INLINE F nearest_level(F a, I & index) {
  F level = all(LEVELS[0]);
  index = all(0);
  for (int k = 0; k < 15; ++k) {
    const I above = a >= all(EDGES[k]);
    level = level + keep(above, all(LEVELS[k + 1] - LEVELS[k]));
    index = index - above;
  }
  return level;
}

#endif

// The scale of 32 values; 0 where all are zero.
F fit_levels(const F * x, const F * w, I & bad) {
  constexpr int N = 32, TRIES = 7;
  F magnitude;
  const F value = extreme<N>(x, magnitude);
  const I zero = magnitude < all(GROUP_EPSILON);
  I index;
  F inverse = all(1.0f) / (-value / all(LEVELS[0]));
  F d = all(0.0f), best = all(0.0f);
  for (int t = -TRIES - 1; t <= TRIES; ++t) {
    if (t >= -TRIES) inverse = all(float(t) + LEVELS[0]) / value;
    F sum_xq = all(0.0f), sum_q2 = all(0.0f);
    for (int i = 0; i < N; ++i) {
      const F q = nearest_level(inverse * x[i], index);
      const F wq = w[i] * q;
      sum_xq = sum_xq + wq * x[i];
      sum_q2 = sum_q2 + wq * q;
    }
    const I positive = sum_q2 > all(0.0f);
    if (t < -TRIES) {  // where the tries start from
      d = keep(positive, sum_xq / sum_q2);
      best = d * sum_xq;
      bad = bad | ~(abs(sum_xq) <= all(FLOAT_MAX));
    } else {
      const I better = positive & (sum_xq * sum_xq > best * sum_q2);
      d = select(better, sum_xq / sum_q2, d);
      best = select(better, d * sum_xq, best);
    }
  }
  return keep(~zero, d);
}

LANE_INLINE void level_indices(const F * x, F inverse, I * words, I & bad) {
  I l[32];
  for (int i = 0; i < 32; ++i) nearest_level(inverse * x[i], l[i]);
  for (int i = 0; i < 4; ++i) {
    words[i] = bytes(l[4 * i], l[4 * i + 1], l[4 * i + 2], l[4 * i + 3]) | bytes(l[4 * i + 16], l[4 * i + 17], l[4 * i + 18], l[4 * i + 19]) << 4;
  }
  bad = bad | ~(abs(inverse) <= all(FLOAT_MAX));
}

template <bool IMPORTANCE>
LANE_INLINE void level_weights(const Group & group, int at, const F * x, F sigma, F * w) {
  if constexpr (IMPORTANCE) {
    load_weights<32>(group, at, x, sigma, w);
  } else {
    for (int i = 0; i < 32; ++i) w[i] = x[i] * x[i];
  }
}

template <bool IMPORTANCE>
I encode_iq4_nl(const Group & group) {
  F x[32], w[32];
  load_columns(group.x, 0, x, 32);
  level_weights<IMPORTANCE>(group, 0, x, sum_of_squares<32>(x) * all(2.0f / 32), w);
  I bad = all(0);
  const F d = fit_levels(x, w, bad);
  I words[4];
  level_indices(x, keep(d != all(0.0f), all(1.0f) / d), words, bad);
  store_half(to_half(d), group.to, 0);
  store_words(words, 4, group.to, 2);
  return bad;
}

template <bool IMPORTANCE>
I encode_iq4_xs(const Group & group) {
  constexpr int SUBS = 8;
  F x[256], w[32], scale[SUBS];
  load_columns(group.x, 0, x, 256);
  const F sigma = sum_of_squares<256>(x) * all(2.0f / 256);
  I bad = all(0);
  for (int j = 0; j < SUBS; ++j) {
    level_weights<IMPORTANCE>(group, 32 * j, x + 32 * j, sigma, w);
    scale[j] = fit_levels(x + 32 * j, w, bad);
  }
  F magnitude;
  const F d = -extreme<SUBS>(scale, magnitude) / all(32.0f);
  const F inverse = keep(d != all(0.0f), all(1.0f) / d);
  I words[2 + 32], low[SUBS];
  I high = all(0);
  for (int j = 0; j < SUBS; ++j) {
    const I six = index_of<-32, 31>(inverse * scale[j]);
    const F step = d * to_float(six);
    level_indices(x + 32 * j, keep(step != all(0.0f), all(1.0f) / step), words + 2 + 4 * j, bad);
    low[j] = (six + all(32)) & all(15);
    high = high | (six + all(32)) >> 4 << (2 * j);
  }
  words[0] = to_half(d) | high << 16;
  words[1] = bytes(low[0] | low[1] << 4, low[2] | low[3] << 4, low[4] | low[5] << 4, low[6] | low[7] << 4);
  store_words(words, 2 + 32, group.to, 0);
  return bad;
}

}  // namespace

}  // namespace tara::quant
