#include "engine/probabilities.h"

#include <algorithm>
#include <cmath>

namespace tara {

double log_sum_exp(const float * logits, int32_t size) {
  const float top = *std::max_element(logits, logits + size);
  double sum = 0;
  for (int32_t i = 0; i < size; ++i) sum += std::exp(logits[i] - top);
  return top + std::log(sum);
}

std::vector<llama_token> most_likely(const float * logits, int32_t size, size_t count) {
  const auto before = [&](llama_token a, llama_token b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; };
  std::vector<llama_token> found;
  found.reserve(count + 1);
  for (llama_token token = 0; token < size && count > 0; ++token) {
    if (found.size() == count && !(logits[token] > logits[found.back()])) continue;
    found.insert(std::upper_bound(found.begin(), found.end(), token, before), token);
    if (found.size() > count) found.pop_back();
  }
  return found;
}

}  // namespace tara
