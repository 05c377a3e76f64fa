// The searches of ggml's quantizers, one independent group of values in each lane: every lane does the scalar code's
// operations in the scalar order (ggml-quants.c of the pinned llama.cpp: make_qkx2/3_quants, make_qx_quants,
// make_qp_quants, make_q3_quants), so its bits are the scalar ones.
//
// What a lane cannot do this way (a NaN or infinity among the values, an index so large that the scalar code's rounding
// wraps) it marks in `bad`; the caller then gives that lane's block to ggml.
#pragma once

#include "quant/lanes/lanes.h"

namespace tara::quant {

namespace {

constexpr float GROUP_EPSILON = 1e-15f;  // a group whose largest value is below it is all zero
constexpr float FLOAT_MAX = 0x1.fffffep+127f;

// What the indices of a try can leave of their range, and is cut.
enum class Cut { none, above, both };

// ---- values ~ scale * L + min, L in 0..TOP

struct RangeFit {
  F scale;
  F min;  // 0 or below
  // What the best L were rounded with; they are made again where they are needed, which is seldom.
  F inverse;
  F offset;
  I flat;  // all values equal: L is 0
};

struct RangeSearch {
  float first, step;  // added to TOP in the inverse scale that is tried
  int last;           // tries 0..last
};

constexpr RangeSearch WITH_IMPORTANCE{-0.9f, 0.05f, 36};

enum class Error { squared, absolute };

template <int TOP, Cut CUT = Cut::both>
LANE_INLINE F range_index(F x, F inverse, F offset) {
  F a = inverse * (x - offset);
  if constexpr (CUT == Cut::both) a = at_least_zero(a);
  if constexpr (CUT != Cut::none) a = at_most(a, float(TOP));
  return nearest(a);
}

template <int N, int TOP, Cut CUT>
LANE_INLINE void range_indices(const F * x, F inverse, F offset, F * l) {
  LANE_UNROLL
  for (int i = 0; i < N; ++i) l[i] = range_index<TOP, CUT>(x[i], inverse, offset);
}

// The lanes in which an index of the values low..high would wrap. Rounding is monotonic, so the two ends bound all between
// them; by the ends too, what no lane can leave is not cut: in most tries of ordinary weights nothing.
template <int N, int TOP>
LANE_INLINE I range_indices(const F * x, F inverse, F low, F high, F offset, F * l) {
  const F first = inverse * (low - offset), last = inverse * (high - offset);
  if (any(first < all(-0.5f) | last < all(-0.5f))) range_indices<N, TOP, Cut::both>(x, inverse, offset, l);
  else if (any(first >= all(TOP + 0.5f) | last >= all(TOP + 0.5f))) range_indices<N, TOP, Cut::above>(x, inverse, offset, l);
  else range_indices<N, TOP, Cut::none>(x, inverse, offset, l);
  return out_of_round_range(first) | out_of_round_range(last);
}

template <Error ERROR>
LANE_INLINE F weighed(F difference, F weight) {
  return weight * (ERROR == Error::absolute ? abs(difference) : difference * difference);
}

// An accepted try moves the minimum and with it the range of all later ones, so tries cannot be evaluated apart: between
// the sums of a try and its error stand two divisions that everything waits for. SIDE groups of N values are searched side
// by side, so that one group's sums fill the other's wait.
template <int N, int TOP, Error ERROR, int SIDE>
void fit_ranges(const F * x, const F * w, RangeSearch search, RangeFit * fits, I & bad) {
  F low[SIDE], high[SIDE], sum_w[SIDE], sum_x[SIDE], best[SIDE];
  I wild = all(0);
  for (int g = 0; g < SIDE; ++g) {
    const F * xg = x + N * g;
    const F * wg = w + N * g;
    RangeFit & fit = fits[g];
    low[g] = high[g] = xg[0];
    sum_w[g] = wg[0];
    sum_x[g] = sum_w[g] * xg[0];
    for (int i = 1; i < N; ++i) {
      low[g] = min(xg[i], low[g]);
      high[g] = max(xg[i], high[g]);
      sum_w[g] = sum_w[g] + wg[i];
      sum_x[g] = sum_x[g] + wg[i] * xg[i];
    }
    fit.min = select(low[g] > all(0.0f), all(0.0f), low[g]);
    fit.flat = high[g] == fit.min;
    fit.inverse = all(float(TOP)) / (high[g] - fit.min);
    fit.offset = fit.min;
    fit.scale = all(1.0f) / fit.inverse;
    F l[N];
    wild = wild | (~fit.flat & range_indices<N, TOP>(xg, fit.inverse, low[g], high[g], fit.min, l));
    best[g] = all(0.0f);
    for (int i = 0; i < N; ++i) best[g] = best[g] + weighed<ERROR>(fit.scale * l[i] + fit.min - xg[i], wg[i]);
  }
  for (int t = 0; t <= search.last; ++t) {
    const F steps = all(search.first + search.step * float(t) + float(TOP));
    F inverse[SIDE], scale[SIDE], least[SIDE], l[SIDE * N];
    I usable[SIDE];
    for (int g = 0; g < SIDE; ++g) {
      const F * xg = x + N * g;
      const F * wg = w + N * g;
      F * lg = l + N * g;
      const F offset = fits[g].min, inverse_g = steps / (high[g] - offset);
      // Indices first, sums after: each loop's chains are short enough for the CPU to run several of them at once.
      wild = wild | (~fits[g].flat & range_indices<N, TOP>(xg, inverse_g, low[g], high[g], offset, lg));
      F sum_l = all(0.0f), sum_l2 = all(0.0f), sum_xl = all(0.0f);
      LANE_UNROLL
      for (int i = 0; i < N; ++i) {
        const F wl = wg[i] * lg[i];
        sum_l = sum_l + wl;
        sum_l2 = sum_l2 + wl * lg[i];
        sum_xl = sum_xl + wl * xg[i];
      }
      const F determinant = sum_w[g] * sum_l2 - sum_l * sum_l;
      scale[g] = (sum_w[g] * sum_xl - sum_x[g] * sum_l) / determinant;
      least[g] = (sum_l2 * sum_x[g] - sum_l * sum_xl) / determinant;
      const I above = least[g] > all(0.0f);
      least[g] = select(above, all(0.0f), least[g]);
      scale[g] = select(above, sum_xl / sum_l2, scale[g]);
      usable[g] = determinant > all(0.0f);
      inverse[g] = inverse_g;
    }
    for (int g = 0; g < SIDE; ++g) {
      const F * xg = x + N * g;
      const F * wg = w + N * g;
      const F * lg = l + N * g;
      const F scale_g = scale[g], least_g = least[g];
      F error = all(0.0f);
      LANE_UNROLL
      for (int i = 0; i < N; ++i) error = error + weighed<ERROR>(scale_g * lg[i] + least_g - xg[i], wg[i]);
      const I better = usable[g] & (error < best[g]);
      RangeFit & fit = fits[g];
      best[g] = select(better, error, best[g]);
      fit.inverse = select(better, inverse[g], fit.inverse);
      fit.offset = select(better, fit.min, fit.offset);
      fit.scale = select(better, scale_g, fit.scale);
      fit.min = select(better, least_g, fit.min);
    }
  }
  for (int g = 0; g < SIDE; ++g) {
    RangeFit & fit = fits[g];
    bad = bad | wild | (sum_x[g] != sum_x[g]);
    fit.scale = select(fit.flat, all(0.0f), fit.scale);
    fit.min = select(fit.flat, select(low[g] > all(0.0f), all(0.0f), low[g]), fit.min);
  }
}

// The L of the search, before they are made anew from rounded scales.
template <int TOP>
LANE_INLINE I searched_index(const RangeFit & fit, F x) {
  return ~fit.flat & truncate(range_index<TOP>(x, fit.inverse, fit.offset));
}

// ---- values ~ scale * L, L in -TOP..TOP-1

struct SymmetricFit {
  F scale;
  F inverse;
  I zero;  // all values (nearly) zero: L + TOP is 0
};

// The value of the largest magnitude, the first of them; and its magnitude.
template <int N>
LANE_INLINE F extreme(const F * x, F & magnitude) {
  F value = all(0.0f);
  magnitude = all(0.0f);
  for (int i = 0; i < N; ++i) {
    const F a = abs(x[i]);
    const I larger = a > magnitude;
    magnitude = select(larger, a, magnitude);
    value = select(larger, x[i], value);
  }
  return value;
}

// The whole number nearest to a.
template <int TOP, Cut CUT>
LANE_INLINE F symmetric_index(F a) {
  if constexpr (CUT == Cut::both) a = at_least(a, float(-TOP));
  if constexpr (CUT != Cut::none) a = at_most(a, float(TOP - 1));
  return nearest(a);
}

template <int N, int TOP>
struct SymmetricSearch {
  const F * x;
  const F * w;
  F wx[N];
  F extreme;
  SymmetricFit fit;
  F best;

  // The sums of SIDE tries.
  template <Cut CUT, int SIDE>
  LANE_METHOD void sum(const F * inverse, F * sum_xl, F * sum_l2) const {
    for (int t = 0; t < SIDE; ++t) sum_xl[t] = sum_l2[t] = all(0.0f);
    for (int i = 0; i < N; ++i) {
      for (int t = 0; t < SIDE; ++t) {
        const F l = symmetric_index<TOP, CUT>(inverse[t] * x[i]);
        sum_xl[t] = sum_xl[t] + wx[i] * l;
        sum_l2[t] = sum_l2[t] + w[i] * l * l;
      }
    }
  }

  // Tries in which the extreme value becomes -(TOP + tenth / 10); no other value lies further out. Their sums do not depend
  // on each other, so two tries go side by side: each value is loaded once for both.
  template <Cut CUT, int COUNT>
  LANE_METHOD void search(const int (&tenths)[COUNT]) {
    constexpr int SIDE = 2;
    for (int first = 0; first < COUNT; first += SIDE) {
      F inverse[SIDE], sum_xl[SIDE], sum_l2[SIDE];
      for (int t = 0; t < SIDE; ++t) inverse[t] = all(-(float(TOP) + 0.1f * float(tenths[first + t]))) / extreme;
      sum<CUT, SIDE>(inverse, sum_xl, sum_l2);
      for (int t = 0; t < SIDE; ++t) {
        const F scale = sum_xl[t] / sum_l2[t];
        const I better = (sum_l2[t] > all(0.0f)) & (sum_xl[t] * sum_xl[t] > best * sum_l2[t]);
        fit.inverse = select(better, inverse[t], fit.inverse);
        fit.scale = select(better, scale, fit.scale);
        best = select(better, scale * sum_xl[t], best);
      }
    }
  }
};

template <int N, int TOP>
SymmetricFit fit_symmetric(const F * x, const F * w, I & bad) {
  SymmetricSearch<N, TOP> s;
  s.x = x;
  s.w = w;
  F magnitude, sum_xl, sum_l2;
  s.extreme = extreme<N>(x, magnitude);
  s.fit.zero = magnitude < all(GROUP_EPSILON);
  s.fit.inverse = all(float(-TOP)) / s.extreme;
  for (int i = 0; i < N; ++i) s.wx[i] = w[i] * x[i];
  s.template sum<Cut::above, 1>(&s.fit.inverse, &sum_xl, &sum_l2);
  bad = bad | ~(abs(sum_xl) <= all(FLOAT_MAX)) & ~s.fit.zero;
  s.fit.scale = select(sum_l2 == all(0.0f), all(0.0f), sum_xl / sum_l2);
  s.best = s.fit.scale * sum_xl;
  s.template search<Cut::none>({-9, -8, -7, -6});
  s.template search<Cut::above>({-5, -4, -3, -2, -1, 1, 2, 3});
  s.template search<Cut::both>({4, 5, 6, 7, 8, 9});
  s.fit.scale = select(s.fit.zero, all(0.0f), s.fit.scale);
  return s.fit;
}

// L + TOP of the search.
template <int TOP>
LANE_INLINE I searched_index(const SymmetricFit & fit, F x) {
  return ~fit.zero & (truncate(symmetric_index<TOP, Cut::both>(fit.inverse * x)) + all(TOP));
}

// ---- scales ~ scale * L, L in 0..TOP

// L goes through a byte in ggml; it is kept here as one (0..255).
template <int N, int TOP>
F fit_scales(const F * x, const F * w, I * l) {
  F high = all(0.0f);
  for (int i = 0; i < N; ++i) high = max(high, x[i]);
  const I zero = high < all(GROUP_EPSILON);
  F inverse = all(float(TOP)) / high;
  F scale = all(1.0f) / inverse;
  F best = all(0.0f);
  for (int i = 0; i < N; ++i) {
    const F difference = x[i] - scale * to_float(nearest_int(inverse * x[i]) & all(255));
    best = best + w[i] * difference * difference;
  }
  for (int t = -4; t <= 4; ++t) {
    if (t == 0) continue;
    const F tried = all(0.1f * float(t) + float(TOP)) / high;
    scale = all(1.0f) / tried;
    F error = all(0.0f);
    for (int i = 0; i < N; ++i) {
      const F difference = x[i] - scale * to_float(min(all(TOP), nearest_int(tried * x[i])));
      error = error + w[i] * difference * difference;
    }
    const I better = error < best;
    best = select(better, error, best);
    inverse = select(better, tried, inverse);
  }
  F sum_xl = all(0.0f), sum_l2 = all(0.0f);
  for (int i = 0; i < N; ++i) {
    const I index = min(all(TOP), nearest_int(inverse * x[i]));
    const F value = to_float(index);
    sum_xl = sum_xl + w[i] * x[i] * value;
    sum_l2 = sum_l2 + w[i] * value * value;
    l[i] = index & all(255);
  }
  for (int round = 0; round < 5; ++round) {
    I moved = all(0);
    for (int i = 0; i < N; ++i) {
      const F value = to_float(l[i]);
      F xl = sum_xl - w[i] * x[i] * value;
      F l2 = sum_l2 - w[i] * value * value;
      const I next = min(all(TOP), nearest_int(x[i] * l2 / xl));
      const I tried = (xl > all(0.0f)) & (l2 > all(0.0f)) & ~(next == l[i]);
      xl = xl + w[i] * x[i] * to_float(next);
      l2 = l2 + w[i] * to_float(next) * to_float(next);
      const I better = tried & (xl * xl * sum_l2 > sum_xl * sum_xl * l2);
      l[i] = select(better, next & all(255), l[i]);
      sum_xl = select(better, xl, sum_xl);
      sum_l2 = select(better, l2, sum_l2);
      moved = moved | better;
    }
    if (!any(moved & ~zero)) break;
  }
  for (int i = 0; i < N; ++i) l[i] = ~zero & l[i];
  return keep(~zero & (sum_l2 > all(0.0f)), sum_xl / sum_l2);
}

}  // namespace

}  // namespace tara::quant
