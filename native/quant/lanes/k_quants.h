// Q2_K to Q6_K: super-blocks of 256 values in sub-blocks of 16 or 32 with scales of 4 to 8 bits.
#pragma once

#include "quant/lanes/group.h"
#include "quant/lanes/moves.h"

namespace tara::quant {

namespace {

constexpr int SUPER = 256;

// What a super-block's rounded scale and minimum are made of.
template <int SUBS, int TOP>
struct RangeScales {
  I scale[SUBS], min[SUBS];  // as ggml's bytes hold them
  I d, d_min;                // float16
};

// The largest scale and minimum become TOP.
template <int SUBS, int TOP>
LANE_INLINE RangeScales<SUBS, TOP> plain_scales(const RangeFit * fits) {
  F most = all(0.0f), least = all(0.0f);
  for (int j = 0; j < SUBS; ++j) {
    most = max(fits[j].scale, most);
    least = max(-fits[j].min, least);
  }
  const F inverse = keep(most > all(0.0f), all(float(TOP)) / most);
  const F inverse_min = keep(least > all(0.0f), all(float(TOP)) / least);
  RangeScales<SUBS, TOP> made;
  for (int j = 0; j < SUBS; ++j) {
    made.scale[j] = nearest_int(inverse * fits[j].scale) & all(255);
    made.min[j] = nearest_int(inverse_min * -fits[j].min) & all(255);
  }
  made.d = to_half(most / all(float(TOP)));
  made.d_min = to_half(least / all(float(TOP)));
  return made;
}

template <int SUBS, int TOP>
LANE_INLINE RangeScales<SUBS, TOP> weighted_scales(const RangeFit * fits, const F * sums) {
  F scale[SUBS], min[SUBS];
  for (int j = 0; j < SUBS; ++j) {
    scale[j] = fits[j].scale;
    min[j] = -fits[j].min;
  }
  RangeScales<SUBS, TOP> made;
  made.d = to_half(fit_scales<SUBS, TOP>(scale, sums, made.scale));
  made.d_min = to_half(fit_scales<SUBS, TOP>(min, sums, made.min));
  return made;
}

// L of N values with the rounded scale d and minimum m; where d is 0 the search's L survive.
template <int N, int TOP>
LANE_INLINE void rounded_indices(const F * x, const RangeFit & fit, F d, F m, I * l) {
  const I none = d == all(0.0f);
  for (int i = 0; i < N; ++i) l[i] = index_of<0, TOP>((x[i] + m) / d);
  if (!any(none)) return;
  for (int i = 0; i < N; ++i) l[i] = select(none, searched_index<TOP>(fit, x[i]), l[i]);
}

// Eight scales and eight minima of 6 bits in 12 bytes.
LANE_INLINE void pack_scales(const I * scale, const I * min, I * words) {
  I packed[12];
  for (int j = 0; j < 4; ++j) {
    packed[j] = scale[j] | (scale[j + 4] >> 4) << 6;
    packed[j + 4] = min[j] | (min[j + 4] >> 4) << 6;
    packed[j + 8] = (scale[j + 4] & all(15)) | (min[j + 4] & all(15)) << 4;
  }
  for (int k = 0; k < 3; ++k) words[k] = bytes(packed[4 * k], packed[4 * k + 1], packed[4 * k + 2], packed[4 * k + 3]);
}

// Q4_K (TOP 15) and Q5_K (TOP 31): 8 sub-blocks of 32.
template <int TOP, bool IMPORTANCE>
I encode_q45(const Group & group) {
  constexpr int SUBS = 8, N = 32, SIDE = 2;
  constexpr RangeSearch PLAIN = TOP == 15 ? RangeSearch{-1.0f, 0.1f, 20} : RangeSearch{-0.5f, 0.1f, 15};
  F x[SUPER];
  load_columns(group.x, 0, x, SUPER);
  I bad = all(0);
  RangeFit fits[SUBS];
  F sums[SUBS];
  const F sigma = IMPORTANCE ? all(2.0f) * sum_of_squares<SUPER>(x) / all(float(SUPER)) : all(0.0f);
  for (int first = 0; first < SUBS; first += SIDE) {
    F w[SIDE * N];
    for (int j = first; j < first + SIDE; ++j) {
      const F * sub = x + N * j;
      F * ws = w + N * (j - first);
      if constexpr (IMPORTANCE) {
        load_weights<N>(group, N * j, sub, sigma, ws);
        sums[j] = sum_of<N>(ws);
      } else {
        const F typical = sqrt(sum_of_squares<N>(sub) / all(float(N)));
        for (int i = 0; i < N; ++i) ws[i] = typical + abs(sub[i]);
      }
    }
    fit_ranges<N, TOP, Error::squared, SIDE>(x + N * first, w, IMPORTANCE ? WITH_IMPORTANCE : PLAIN, fits + first, bad);
  }
  RangeScales<SUBS, 63> scales;
  if constexpr (IMPORTANCE) scales = weighted_scales<SUBS, 63>(fits, sums);
  else scales = plain_scales<SUBS, 63>(fits);
  for (int j = 0; j < SUBS; ++j) {
    if (IMPORTANCE && TOP == 15) {
      // Here ggml does not cap what wrapped through a byte: such scales run into each other.
      bad = bad | scales.scale[j] > all(63) | scales.min[j] > all(63);
    }
    scales.scale[j] = min(all(63), scales.scale[j]);
    scales.min[j] = min(all(63), scales.min[j]);
  }

  constexpr int HIGH = TOP == 31 ? 8 : 0;  // words of fifth bits
  I words[4 + HIGH + 32];
  words[0] = scales.d | scales.d_min << 16;
  pack_scales(scales.scale, scales.min, words + 1);
  I * high = words + 4;
  I * low = words + 4 + HIGH;
  const F d = from_half(scales.d), d_min = from_half(scales.d_min);
  for (int j = 0; j < SUBS; ++j) {
    I l[N];
    rounded_indices<N, TOP>(x + N * j, fits[j], d * to_float(scales.scale[j]), d_min * to_float(scales.min[j]), l);
    for (int i = 0; i < N / 4; ++i) {
      const I four = bytes(l[4 * i], l[4 * i + 1], l[4 * i + 2], l[4 * i + 3]);
      I & nibbles = low[8 * (j / 2) + i];
      const I four_low = four & all(0x0f0f0f0f);
      nibbles = j % 2 == 0 ? four_low : nibbles | four_low << 4;
      if constexpr (HIGH > 0) {
        const I bit = ((four >> 4) & all(0x01010101)) << j;
        high[i] = j == 0 ? bit : high[i] | bit;
      }
    }
  }
  store_words(words, 4 + HIGH + 32, group.to, 0);
  return bad;
}

// Puts the N = 16 indices of sub-block j, two bits each, where Q2_K and Q3_K keep them.
LANE_INLINE void place_two_bits(I four, int j, int i, I * words) {
  I & word = words[8 * (j / 8) + 4 * (j % 2) + i];
  const int shift = 2 * ((j % 8) / 2);
  word = shift == 0 ? four : word | four << shift;
}

// 16 sub-blocks of 16.
template <bool IMPORTANCE>
I encode_q2(const Group & group) {
  constexpr int SUBS = 16, N = 16, SIDE = 4;
  F x[SUPER];
  load_columns(group.x, 0, x, SUPER);
  I bad = all(0);
  RangeFit fits[SUBS];
  F sums[SUBS];
  const F sigma = IMPORTANCE ? sum_of_squares<SUPER>(x) / all(float(SUPER)) : all(0.0f);
  for (int first = 0; first < SUBS; first += SIDE) {
    const F * subs = x + N * first;
    F w[SIDE * N];
    if constexpr (IMPORTANCE) {
      load_weights<SIDE * N>(group, N * first, subs, sigma, w);
      for (int g = 0; g < SIDE; ++g) sums[first + g] = sum_of<N>(w + N * g);
      fit_ranges<N, 3, Error::squared, SIDE>(subs, w, WITH_IMPORTANCE, fits + first, bad);
    } else {
      for (int i = 0; i < SIDE * N; ++i) w[i] = abs(subs[i]);
      fit_ranges<N, 3, Error::absolute, SIDE>(subs, w, RangeSearch{-0.5f, 0.1f, 15}, fits + first, bad);
    }
  }
  RangeScales<SUBS, 15> scales;
  if constexpr (IMPORTANCE) scales = weighted_scales<SUBS, 15>(fits, sums);
  else scales = plain_scales<SUBS, 15>(fits);

  I words[4 + 16 + 1];
  const F d = from_half(scales.d), d_min = from_half(scales.d_min);
  I packed[SUBS];
  for (int j = 0; j < SUBS; ++j) {
    packed[j] = (scales.scale[j] | scales.min[j] << 4) & all(255);
    I l[N];
    rounded_indices<N, 3>(x + N * j, fits[j], d * to_float(packed[j] & all(15)), d_min * to_float(packed[j] >> 4), l);
    for (int i = 0; i < N / 4; ++i) place_two_bits(bytes(l[4 * i], l[4 * i + 1], l[4 * i + 2], l[4 * i + 3]), j, i, words + 4);
  }
  for (int k = 0; k < 4; ++k) words[k] = bytes(packed[4 * k], packed[4 * k + 1], packed[4 * k + 2], packed[4 * k + 3]);
  words[20] = scales.d | scales.d_min << 16;
  store_words(words, 21, group.to, 0);
  return bad;
}

template <bool IMPORTANCE>
I encode_q3(const Group & group) {
  constexpr int SUBS = 16, N = 16;
  F x[SUPER], moved[SUPER];
  load_columns(group.x, 0, x, SUPER);
  I bad = all(0);
  SymmetricFit fits[SUBS];
  F scale[SUBS], sums[SUBS];
  I six[SUBS];  // the scales' six bits
  I d;
  if constexpr (IMPORTANCE) {
    const F sigma = all(2.0f) * sum_of_squares<SUPER>(x) / all(float(SUPER));
    for (int j = 0; j < SUBS; ++j) {
      F w[N];
      load_weights<N>(group, N * j, x + N * j, sigma, w);
      sums[j] = sum_of<N>(w);
      fits[j] = fit_symmetric<N, 4>(x + N * j, w, bad);
      scale[j] = fits[j].scale;
    }
    const SymmetricFit of_scales = fit_symmetric<SUBS, 32>(scale, sums, bad);
    for (int j = 0; j < SUBS; ++j) six[j] = searched_index<32>(of_scales, scale[j]);
    d = to_half(of_scales.scale);
  } else {
    fit_by_moves<N, -4, 3, SUBS>(x, moved, scale);
    for (int j = 0; j < SUBS; ++j) {
      bad = bad | ~(abs(sum_of<N>(x + N * j)) <= all(FLOAT_MAX));
    }
    F magnitude;
    const F most = extreme<SUBS>(scale, magnitude);
    const I none = most == all(0.0f);
    const F inverse = all(-32.0f) / most;
    for (int j = 0; j < SUBS; ++j) {
      const I byte = nearest_int(inverse * scale[j]) << 24 >> 24;
      six[j] = ~none & (max(all(-32), min(all(31), byte)) + all(32));
    }
    d = ~none & to_half(all(1.0f) / inverse);
  }

  I words[8 + 16 + 3];
  for (int k = 0; k < 2; ++k) {
    I low[4];
    for (int i = 0; i < 4; ++i) low[i] = (six[4 * k + i] & all(15)) | (six[4 * k + i + 8] & all(15)) << 4;
    words[24 + k] = bytes(low[0], low[1], low[2], low[3]);
  }
  I high[4];
  for (int i = 0; i < 4; ++i) high[i] = six[i] >> 4 | six[i + 4] >> 4 << 2 | six[i + 8] >> 4 << 4 | six[i + 12] >> 4 << 6;
  words[26] = bytes(high[0], high[1], high[2], high[3]);

  for (int j = 0; j < SUBS; ++j) {
    const F step = from_half(d) * to_float(six[j] - all(32));
    const I none = step == all(0.0f);
    I l[N];
    for (int i = 0; i < N; ++i) l[i] = index_of<-4, 3>(x[N * j + i] / step) + all(4);
    if (any(none)) {
      for (int i = 0; i < N; ++i) {
        if constexpr (IMPORTANCE) l[i] = select(none, searched_index<4>(fits[j], x[N * j + i]), l[i]);
        else l[i] = select(none, truncate(moved[N * j + i]), l[i]);
      }
    }
    for (int i = 0; i < N / 4; ++i) {
      const I four = bytes(l[4 * i], l[4 * i + 1], l[4 * i + 2], l[4 * i + 3]);
      place_two_bits(four & all(0x03030303), j, i, words + 8);
      const I third = ((four >> 2) & all(0x01010101)) << (j / 2);
      I & mask = words[4 * (j % 2) + i];
      mask = j < 2 ? third : mask | third;
    }
  }
  store_words(words, 27, group.to, 0);
  store_half(d, group.to, 108);
  return bad;
}

template <bool IMPORTANCE>
I encode_q6(const Group & group) {
  constexpr int SUBS = 16, N = 16;
  F x[SUPER];
  load_columns(group.x, 0, x, SUPER);
  I bad = all(0);
  SymmetricFit fits[SUBS];
  F scale[SUBS];
  for (int j = 0; j < SUBS; ++j) {
    F w[N];
    if constexpr (IMPORTANCE) {
      load_columns(group.weights, N * j, w, N);
    } else {
      for (int i = 0; i < N; ++i) w[i] = x[N * j + i] * x[N * j + i];
    }
    fits[j] = fit_symmetric<N, 32>(x + N * j, w, bad);
    scale[j] = fits[j].scale;
  }
  F magnitude;
  const F most = extreme<SUBS>(scale, magnitude);
  const I some = ~(magnitude < all(GROUP_EPSILON));  // else the block is all zero bytes
  const F inverse = all(-128.0f) / most;
  const I d = to_half(all(1.0f) / inverse);

  I words[32 + 16 + 4];
  I eight[SUBS];
  for (int j = 0; j < SUBS; ++j) {
    eight[j] = min(all(127), nearest_int(inverse * scale[j])) & all(255);
    const F step = from_half(d) * to_float(eight[j] << 24 >> 24);
    const I none = step == all(0.0f);
    I l[N];
    for (int i = 0; i < N; ++i) l[i] = index_of<-32, 31>(x[N * j + i] / step) + all(32);
    if (any(none)) {
      for (int i = 0; i < N; ++i) l[i] = select(none, searched_index<32>(fits[j], x[N * j + i]), l[i]);
    }
    // Four sub-block pairs of a half share its bytes.
    const int half = j / 8, pair = (j % 8) / 2;
    for (int i = 0; i < N / 4; ++i) {
      const I four = bytes(l[4 * i], l[4 * i + 1], l[4 * i + 2], l[4 * i + 3]);
      I & low = words[16 * half + 8 * (pair % 2) + 4 * (j % 2) + i];
      const I nibbles = four & all(0x0f0f0f0f);
      low = pair < 2 ? nibbles : low | nibbles << 4;
      I & high = words[32 + 8 * half + 4 * (j % 2) + i];
      const I twos = ((four >> 4) & all(0x03030303)) << (2 * pair);
      high = pair == 0 ? twos : high | twos;
    }
  }
  for (int k = 0; k < 4; ++k) words[48 + k] = bytes(eight[4 * k], eight[4 * k + 1], eight[4 * k + 2], eight[4 * k + 3]);
  for (I & word : words) word = word & some;
  store_words(words, 52, group.to, 0);
  store_half(d & some, group.to, 208);
  return bad;
}

}  // namespace

}  // namespace tara::quant
