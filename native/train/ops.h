// The small operations of the network and their gradients, row by row, on the calling thread. Rows are tokens.
#pragma once

#include <cstddef>

#include "train/network.h"

namespace tara::train {

float dot(const float * a, const float * b, size_t size);

// y = x / rms(x) * weights for each of `rows` pieces of `size` numbers.
void rms_norm(const float * x, const float * weights, float epsilon, float * y, size_t rows, size_t size);

// dx (+)= what dy makes of it; into d_weights, unless null, what it makes of the weights.
void rms_norm_backward(const float * x, const float * weights, float epsilon, const float * dy, float * dx, bool add, float * d_weights, size_t rows, size_t size);

// Sines and cosines of rotary embeddings, for each position and pair: [positions, dims / 2] each.
struct Rotation {
  std::vector<float> cosines;
  std::vector<float> sines;
};
Rotation rotation_of(const Shape & shape, size_t positions);

// Rotates `heads` heads of each of `rows` tokens, positions 0.. on; backward turns the other way.
void rotate(const Shape & shape, const Rotation & rotation, float * x, size_t rows, size_t heads, bool backward);

// y = silu(gate) * up
void swiglu(const float * gate, const float * up, float * y, size_t count);
// gate and up become their gradients.
void swiglu_backward(float * gate, float * up, const float * dy, size_t count);

void add_rows(float * y, const float * row, size_t rows, size_t size);

// A row of logits becomes probabilities; gives ln of the sum of exp(logit - largest) and the largest.
struct LogSum {
  float top;
  double log_sum;
};
LogSum softmax(float * logits, size_t size);

}  // namespace tara::train
