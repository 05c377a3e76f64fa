#include "train/attention.h"

#include <algorithm>
#include <cmath>

#include "quant/clones.h"
#include "train/ops.h"

namespace tara::train {

namespace {

constexpr size_t ROWS = 48;  // queries at a time; keys after the last of them are never looked at

constexpr size_t rounded(size_t count) { return (count + PANEL - 1) / PANEL * PANEL; }

// X^T of a head, tokens filled up with zeros to whole panels.
void transpose(const float * x, size_t stride, size_t tokens, size_t size, std::vector<float> & to) {
  const size_t columns = rounded(tokens);
  to.assign(size * columns, 0);
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t i = 0; i < size; ++i) to[i * columns + t] = x[t * stride + i];
  }
}

TARA_CLONES
void scale(float * x, float factor, size_t size) {
  for (size_t i = 0; i < size; ++i) x[i] *= factor;
}

// dS = factor * P (dP - row)
TARA_CLONES
void softmax_gradient(const float * p, float * dp, float row, float factor, size_t size) {
  for (size_t i = 0; i < size; ++i) dp[i] = factor * p[i] * (dp[i] - row);
}

struct Heads {
  const Shape & shape;
  size_t tokens;
  size_t q_row = shape.heads * shape.head;
  size_t kv_row = shape.kv_heads * shape.head;
  size_t columns = rounded(tokens);
  float factor = 1.0f / std::sqrt(static_cast<float>(shape.head));
};

// Probabilities of queries `first` to `first + rows`, zeros after each one's own token up to `seen`.
void probabilities_of(const Heads & heads, const float * q, const std::vector<float> & keys, size_t first, size_t rows, size_t seen, std::vector<float> & p) {
  p.resize(ROWS * heads.columns);
  multiply({q + first * heads.q_row, heads.q_row, 1}, keys.data(), heads.columns, p.data(), heads.columns, rows, seen, heads.shape.head, false);
  for (size_t i = 0; i < rows; ++i) {
    float * row = &p[i * heads.columns];
    const size_t count = first + i + 1;
    scale(row, heads.factor, count);
    softmax(row, count);
    std::fill(row + count, row + seen, 0.0f);
  }
}

}  // namespace

void attention(const Shape & shape, const float * q, const float * k, const float * v, float * y, size_t tokens, AttentionRoom & room) {
  const Heads heads{shape, tokens};
  const size_t group = shape.heads / shape.kv_heads;
  for (size_t kv = 0; kv < shape.kv_heads; ++kv) {
    transpose(k + kv * shape.head, heads.kv_row, tokens, shape.head, room.keys);
    for (size_t head = kv * group; head < (kv + 1) * group; ++head) {
      for (size_t first = 0; first < tokens; first += ROWS) {
        const size_t rows = std::min(ROWS, tokens - first);
        probabilities_of(heads, q + head * shape.head, room.keys, first, rows, rounded(first + rows), room.probabilities);
        multiply({room.probabilities.data(), heads.columns, 1}, v + kv * shape.head, heads.kv_row, y + first * heads.q_row + head * shape.head, heads.q_row, rows, shape.head, first + rows, false);
      }
    }
  }
}

void attention_backward(
    const Shape & shape, const float * q, const float * k, const float * v, const float * dy, float * dq, float * dk, float * dv, size_t tokens, AttentionRoom & room) {
  const Heads heads{shape, tokens};
  const size_t group = shape.heads / shape.kv_heads;
  std::fill_n(dk, tokens * heads.kv_row, 0.0f);
  std::fill_n(dv, tokens * heads.kv_row, 0.0f);
  room.gradients.resize(ROWS * heads.columns);
  for (size_t kv = 0; kv < shape.kv_heads; ++kv) {
    transpose(k + kv * shape.head, heads.kv_row, tokens, shape.head, room.keys);
    transpose(v + kv * shape.head, heads.kv_row, tokens, shape.head, room.values);
    for (size_t head = kv * group; head < (kv + 1) * group; ++head) {
      for (size_t first = 0; first < tokens; first += ROWS) {
        const size_t rows = std::min(ROWS, tokens - first);
        const size_t seen = rounded(first + rows);
        const size_t at = first * heads.q_row + head * shape.head;
        probabilities_of(heads, q + head * shape.head, room.keys, first, rows, seen, room.probabilities);
        const float * p = room.probabilities.data();
        float * ds = room.gradients.data();
        multiply({dy + at, heads.q_row, 1}, room.values.data(), heads.columns, ds, heads.columns, rows, seen, shape.head, false);
        multiply({p, 1, heads.columns}, dy + at, heads.q_row, dv + kv * shape.head, heads.kv_row, first + rows, shape.head, rows, true);
        for (size_t i = 0; i < rows; ++i) {
          float * row = ds + i * heads.columns;
          softmax_gradient(p + i * heads.columns, row, dot(p + i * heads.columns, row, seen), heads.factor, seen);
        }
        multiply({ds, heads.columns, 1}, k + kv * shape.head, heads.kv_row, dq + at, heads.q_row, rows, shape.head, first + rows, false);
        multiply({ds, 1, heads.columns}, q + at, heads.q_row, dk + kv * shape.head, heads.kv_row, first + rows, shape.head, rows, true);
      }
    }
  }
}

}  // namespace tara::train
