// LANES blocks of one type that are quantized together, and how rows are cut into such groups.
#pragma once

#include "quant/lanes/search.h"

namespace tara::quant {

namespace {

struct Group {
  const float * x[LANES];        // the values of each lane's block
  const float * weights[LANES];  // and their importance, where the type is made with it
  float row_mean[LANES];         // the mean square of the lane's row, for types whose weights depend on it
  char * to[LANES];
};

// Gives the lanes that must be made by ggml.
using EncodeGroup = I (*)(const Group &);

// importance * sqrt(sigma + x^2)
LANE_INLINE F weighted(F importance, F sigma, F x) { return importance * sqrt(sigma + x * x); }

template <int N>
LANE_INLINE F sum_of(const F * x) {
  F sum = all(0.0f);
  for (int i = 0; i < N; ++i) sum = sum + x[i];
  return sum;
}

template <int N>
LANE_INLINE F sum_of_squares(const F * x) {
  F sum = all(0.0f);
  for (int i = 0; i < N; ++i) sum = sum + x[i] * x[i];
  return sum;
}

// The importance of N columns from `at` on, each weighted with its value.
template <int N>
LANE_INLINE void load_weights(const Group & group, int at, const F * x, F sigma, F * w) {
  load_columns(group.weights, at, w, N);
  for (int i = 0; i < N; ++i) w[i] = weighted(w[i], sigma, x[i]);
}

// nearest_int(x) in LOW..HIGH, whatever x is.
template <int LOW, int HIGH>
LANE_INLINE I index_of(F x) {
  return max(all(LOW), min(all(HIGH), nearest_int(x)));
}

}  // namespace

}  // namespace tara::quant
