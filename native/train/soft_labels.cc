#include "train/soft_labels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "env/error.h"

namespace tara::train {

namespace {

constexpr float LEAST = 1e-30f;  // a probability that float32 has rounded to 0

float number(uint32_t word) {
  float value;
  std::memcpy(&value, &word, sizeof value);
  return value;
}

uint32_t word(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// The `count` most likely tokens: those above the smallest of them, by a heap of indices.
std::vector<uint32_t> most_likely(const float * p, size_t vocabulary, size_t count) {
  const auto less = [p](uint32_t a, uint32_t b) { return p[a] > p[b] || (p[a] == p[b] && a < b); };
  std::vector<uint32_t> heap(count);
  std::iota(heap.begin(), heap.end(), 0);
  std::make_heap(heap.begin(), heap.end(), less);
  for (size_t token = count; token < vocabulary; ++token) {
    if (p[token] <= p[heap.front()]) continue;
    std::pop_heap(heap.begin(), heap.end(), less);
    heap.back() = static_cast<uint32_t>(token);
    std::push_heap(heap.begin(), heap.end(), less);
  }
  std::sort_heap(heap.begin(), heap.end(), less);
  return heap;
}

}  // namespace

double entropy_of(const float * p, const float * logits, float top_logit, double log_sum, size_t vocabulary) {
  double entropy = 0;
  for (size_t token = 0; token < vocabulary; ++token) entropy -= p[token] * (static_cast<double>(logits[token]) - top_logit - log_sum);
  return entropy;
}

double entropy_of(const float * p, size_t vocabulary) {
  double entropy = 0;
  for (size_t token = 0; token < vocabulary; ++token) entropy -= p[token] * std::log(static_cast<double>(std::max(p[token], LEAST)));
  return entropy;
}

void make_label(const float * p, double entropy, size_t vocabulary, LabelShape shape, uint64_t seed, uint32_t * row) {
  const auto top = most_likely(p, vocabulary, shape.top);
  std::vector<bool> taken(vocabulary);
  double rest = 1;
  for (size_t i = 0; i < shape.top; ++i) {
    row[2 + i] = top[i];
    row[2 + shape.top + i] = word(p[top[i]]);
    taken[top[i]] = true;
    rest -= p[top[i]];
  }
  // Evenly spread over the rest from a random start: each token is drawn as often as its probability says.
  double mass = 0;
  for (size_t token = 0; token < vocabulary; ++token) mass += taken[token] ? 0 : p[token];
  std::mt19937_64 random(seed);
  const double step = mass / static_cast<double>(shape.drawn);
  double next = step * (static_cast<double>(random() >> 11) * 0x1p-53);
  double passed = 0;
  uint32_t * drawn = row + 2 + 2 * shape.top;
  size_t count = 0;
  for (size_t token = 0; token < vocabulary && count < shape.drawn; ++token) {
    if (taken[token]) continue;
    passed += p[token];
    for (; count < shape.drawn && next < passed; next += step) drawn[count++] = static_cast<uint32_t>(token);
  }
  // No rest, or rounding at its end: the most likely token takes nothing or next to nothing.
  while (count < shape.drawn) drawn[count++] = top[0];
  row[0] = word(static_cast<float>(entropy));
  row[1] = word(static_cast<float>(std::max(0.0, rest)));
}

double divergence_from(const uint32_t * row, LabelShape shape, float * probabilities, size_t vocabulary) {
  const uint32_t * tokens = row + 2;
  const uint32_t * drawn = row + 2 + 2 * shape.top;
  const float share = shape.drawn == 0 ? 0 : number(row[1]) / static_cast<float>(shape.drawn);
  double cross = 0;
  const auto add = [&](uint32_t token, float p) {
    if (token >= vocabulary) throw Error("TARA_INTERNAL", {{"reason", "a label names a token that the vocabulary lacks"}});
    cross -= static_cast<double>(p) * std::log(static_cast<double>(std::max(probabilities[token], LEAST)));
  };
  for (size_t i = 0; i < shape.top; ++i) add(tokens[i], number(row[2 + shape.top + i]));
  for (size_t i = 0; i < shape.drawn; ++i) add(drawn[i], share);
  for (size_t i = 0; i < shape.top; ++i) probabilities[tokens[i]] -= number(row[2 + shape.top + i]);
  for (size_t i = 0; i < shape.drawn; ++i) probabilities[drawn[i]] -= share;
  return cross - static_cast<double>(number(row[0]));
}

}  // namespace tara::train
