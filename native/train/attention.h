// Causal attention of one sequence and its gradient; probabilities are computed again for the gradient, not kept.
#pragma once

#include "train/network.h"

namespace tara::train {

// Buffers of a thread.
struct AttentionRoom {
  std::vector<float> keys;           // K^T of a head
  std::vector<float> values;         // V^T of a head
  std::vector<float> probabilities;  // some rows
  std::vector<float> gradients;
};

// q [tokens, heads, head], k and v [tokens, kv_heads, head] -> y [tokens, heads, head]
void attention(const Shape & shape, const float * q, const float * k, const float * v, float * y, size_t tokens, AttentionRoom & room);

// Sets dq, dk and dv.
void attention_backward(
    const Shape & shape, const float * q, const float * k, const float * v, const float * dy, float * dq, float * dk, float * dv, size_t tokens, AttentionRoom & room);

}  // namespace tara::train
