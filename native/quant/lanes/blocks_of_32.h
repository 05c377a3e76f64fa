// Q4_0, Q4_1, Q5_0, Q5_1, Q8_0: blocks of 32 values with a float16 scale (and minimum) each.
#pragma once

#include "quant/lanes/group.h"

namespace tara::quant {

namespace {

constexpr int BLOCK = 32;

// NaN and infinity, and inverse scales that overflow, are ggml's: its float to byte conversions are then undefined.
LANE_INLINE I not_finite(F a) { return ~(abs(a) <= all(FLOAT_MAX)); }

// 32 indices of four bits in words[0..3]; their fifth bits, if any, in `fifth`: value j is bit j.
template <bool FIFTH>
LANE_INLINE void pack_indices(const I * l, I * words, I & fifth) {
  fifth = all(0);
  for (int i = 0; i < 4; ++i) {
    const I first = bytes(l[4 * i], l[4 * i + 1], l[4 * i + 2], l[4 * i + 3]);
    const I second = bytes(l[4 * i + 16], l[4 * i + 17], l[4 * i + 18], l[4 * i + 19]);
    words[i] = (first & all(0x0f0f0f0f)) | (second & all(0x0f0f0f0f)) << 4;
  }
  if constexpr (FIFTH) {
    for (int i = 0; i < BLOCK; ++i) fifth = fifth | (l[i] >> 4 & all(1)) << i;
  }
}

template <int TOP>
LANE_INLINE void store_symmetric(F scale, const I * l, const Group & group) {
  I words[5], fifth;
  pack_indices<TOP == 16>(l, words + 1, fifth);
  store_half(to_half(scale), group.to, 0);
  if constexpr (TOP == 16) {
    words[0] = fifth;
    store_words(words, 5, group.to, 2);
  } else {
    store_words(words + 1, 4, group.to, 2);
  }
}

template <int TOP>
LANE_INLINE void store_range(F scale, F min, const I * l, const Group & group) {
  I words[6], fifth;
  words[0] = to_half(scale) | to_half(min) << 16;
  if constexpr (TOP == 31) {
    pack_indices<true>(l, words + 2, fifth);
    words[1] = fifth;
    store_words(words, 6, group.to, 0);
  } else {
    pack_indices<false>(l, words + 1, fifth);
    store_words(words, 5, group.to, 0);
  }
}

// Q4_0 (TOP 8) and Q5_0 (TOP 16).
template <int TOP, bool IMPORTANCE>
I encode_symmetric(const Group & group) {
  F x[BLOCK];
  I l[BLOCK];
  load_columns(group.x, 0, x, BLOCK);
  I bad = all(0);
  if constexpr (IMPORTANCE) {
    F w[BLOCK];
    load_weights<BLOCK>(group, 0, x, load(group.row_mean), w);
    const SymmetricFit fit = fit_symmetric<BLOCK, TOP>(x, w, bad);
    for (int i = 0; i < BLOCK; ++i) l[i] = searched_index<TOP>(fit, x[i]);
    store_symmetric<TOP>(fit.scale, l, group);
  } else {
    F magnitude;
    const F d = extreme<BLOCK>(x, magnitude) / all(float(-TOP));
    const F inverse = keep(d != all(0.0f), all(1.0f) / d);
    bad = not_finite(inverse);
    for (int i = 0; i < BLOCK; ++i) {
      bad = bad | x[i] != x[i];
      l[i] = min(all(2 * TOP - 1), truncate(x[i] * inverse + all(TOP + 0.5f)));
    }
    bad = bad | not_finite(magnitude);
    store_symmetric<TOP>(d, l, group);
  }
  return bad;
}

// Q4_1 (TOP 15) and Q5_1 (TOP 31).
template <int TOP, bool IMPORTANCE>
I encode_range(const Group & group) {
  F x[BLOCK];
  I l[BLOCK];
  load_columns(group.x, 0, x, BLOCK);
  I bad = all(0);
  if constexpr (IMPORTANCE) {
    F w[BLOCK];
    load_weights<BLOCK>(group, 0, x, load(group.row_mean), w);
    RangeFit fit;
    fit_ranges<BLOCK, TOP, Error::squared, 1>(x, w, WITH_IMPORTANCE, &fit, bad);
    for (int i = 0; i < BLOCK; ++i) l[i] = searched_index<TOP>(fit, x[i]);
    store_range<TOP>(fit.scale, fit.min, l, group);
  } else {
    F low = all(FLOAT_MAX), high = all(-FLOAT_MAX);
    for (int i = 0; i < BLOCK; ++i) {
      bad = bad | x[i] != x[i];
      low = min(x[i], low);
      high = max(x[i], high);
    }
    const F d = (high - low) / all(float(TOP));
    const F inverse = keep(d != all(0.0f), all(1.0f) / d);
    bad = bad | not_finite(inverse) | not_finite(d);
    for (int i = 0; i < BLOCK; ++i) l[i] = min(all(TOP), truncate((x[i] - low) * inverse + all(0.5f)));
    store_range<TOP>(d, low, l, group);
  }
  return bad;
}

// Half away from zero.
LANE_INLINE I round_away(F a) {
  const I whole = truncate(a);
  const F rest = a - to_float(whole);
  return whole + (all(1) & (rest >= all(0.5f))) - (all(1) & (rest <= all(-0.5f)));
}

I encode_q8(const Group & group) {
  F x[BLOCK];
  load_columns(group.x, 0, x, BLOCK);
  I magnitude = all(0);  // as bits, which order like the values and put infinity and NaN on top
  for (int i = 0; i < BLOCK; ++i) magnitude = max(magnitude, bits_of(abs(x[i])));
  const F d = of_bits(magnitude) / all(127.0f);
  const F inverse = keep(d != all(0.0f), all(1.0f) / d);
  const I bad = magnitude > all(0x7f7fffff) | not_finite(inverse);
  I words[8];
  for (int i = 0; i < 8; ++i) {
    I l[4];
    for (int k = 0; k < 4; ++k) l[k] = round_away(x[4 * i + k] * inverse) & all(255);
    words[i] = bytes(l[0], l[1], l[2], l[3]);
  }
  store_half(to_half(d), group.to, 0);
  store_words(words, 8, group.to, 2);
  return bad;
}

}  // namespace

}  // namespace tara::quant
