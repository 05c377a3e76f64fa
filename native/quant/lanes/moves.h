// The search of Q3_K without importance: each value in turn moves to the index that fits best beside all others, in rounds.
#pragma once

#include "quant/lanes/search.h"

namespace tara::quant {

namespace {

constexpr int MOVE_ROUNDS = 5;

// A round of SIDE groups of N values side by side, since each move waits for the one before. Gives where something moved.
template <int N, int LOW, int HIGH, int SIDE>
LANE_INLINE void move_round(const F * x, F * l, F * sum_xl, F * sum_l2, I * moved) {
  for (int g = 0; g < SIDE; ++g) moved[g] = all(0);
  for (int i = 0; i < N; ++i) {
    for (int g = 0; g < SIDE; ++g) {
      const F value = x[N * g + i], old = l[N * g + i];
      const F w = value * value, wx = w * value;
      F xl = sum_xl[g] - wx * old;
      F l2 = sum_l2[g] - w * old * old;
      const F next = to_float(max(all(LOW), min(all(HIGH), nearest_int(value * l2 / xl))));
      const I tried = (xl > all(0.0f)) & (next != old);
      xl = xl + wx * next;
      l2 = l2 + w * next * next;
      const I better = tried & (l2 > all(0.0f)) & (xl * xl * sum_l2[g] > sum_xl[g] * sum_xl[g] * l2);
      l[N * g + i] = select(better, next, old);
      sum_xl[g] = select(better, xl, sum_xl[g]);
      sum_l2[g] = select(better, l2, sum_l2[g]);
      moved[g] = moved[g] | better;
    }
  }
}

// l - LOW and the scale of GROUPS groups of N values. In the first round few groups move, and a group without a move is done;
// those that did are spread over the lanes of any, anew, for the rounds that are left.
template <int N, int LOW, int HIGH, int GROUPS>
void fit_by_moves(const F * x, F * l, F * scale) {
  constexpr int SIDE = 2, PLACES = SIDE * LANES;
  F sum_xl[GROUPS], sum_l2[GROUPS];
  I zero[GROUPS];
  uint16_t unfinished[GROUPS * LANES];  // group and lane
  int count = 0;
  for (int first = 0; first < GROUPS; first += SIDE) {
    for (int g = first; g < first + SIDE; ++g) {
      F magnitude;
      const F inverse = all(float(LOW)) / extreme<N>(x + N * g, magnitude);
      zero[g] = magnitude < all(GROUP_EPSILON);
      sum_xl[g] = sum_l2[g] = all(0.0f);
      for (int i = N * g; i < N * g + N; ++i) {
        l[i] = to_float(max(all(LOW), min(all(HIGH), nearest_int(inverse * x[i]))));
        const F w = x[i] * x[i];
        sum_xl[g] = sum_xl[g] + w * x[i] * l[i];
        sum_l2[g] = sum_l2[g] + w * l[i] * l[i];
      }
    }
    I moved[SIDE];
    move_round<N, LOW, HIGH, SIDE>(x + N * first, l + N * first, sum_xl + first, sum_l2 + first, moved);
    for (int g = 0; g < SIDE; ++g) {
      for (uint32_t left = bits_set(moved[g] & ~zero[first + g]); left != 0; left &= left - 1) {
        unfinished[count++] = static_cast<uint16_t>((first + g) * LANES + __builtin_ctz(left));
      }
    }
  }
  for (int first = 0; first < count; first += PLACES) {
    const int places = count - first < PLACES ? count - first : PLACES;
    F some_x[SIDE * N] = {}, some_l[SIDE * N] = {}, some_xl[SIDE] = {}, some_l2[SIDE] = {};
    const auto each = [&](auto && copy) {
      for (int place = 0; place < places; ++place) copy(place / LANES, place % LANES, unfinished[first + place] / LANES, unfinished[first + place] % LANES);
    };
    each([&](int to, int to_lane, int from, int from_lane) {
      for (int i = 0; i < N; ++i) {
        copy_lane(some_x[N * to + i], to_lane, x[N * from + i], from_lane);
        copy_lane(some_l[N * to + i], to_lane, l[N * from + i], from_lane);
      }
      copy_lane(some_xl[to], to_lane, sum_xl[from], from_lane);
      copy_lane(some_l2[to], to_lane, sum_l2[from], from_lane);
    });
    for (int round = 1; round < MOVE_ROUNDS; ++round) {
      I moved[SIDE];
      move_round<N, LOW, HIGH, SIDE>(some_x, some_l, some_xl, some_l2, moved);
      if (!any(moved[0] | moved[1])) break;
    }
    each([&](int from, int from_lane, int to, int to_lane) {
      for (int i = 0; i < N; ++i) copy_lane(l[N * to + i], to_lane, some_l[N * from + i], from_lane);
      copy_lane(sum_xl[to], to_lane, some_xl[from], from_lane);
      copy_lane(sum_l2[to], to_lane, some_l2[from], from_lane);
    });
  }
  for (int g = 0; g < GROUPS; ++g) {
    for (int i = N * g; i < N * g + N; ++i) l[i] = keep(~zero[g], l[i] - all(float(LOW)));
    scale[g] = keep(~zero[g] & (sum_l2[g] > all(0.0f)), sum_xl[g] / sum_l2[g]);
  }
}

}  // namespace

}  // namespace tara::quant
