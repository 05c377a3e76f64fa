// Log-probabilities of tokens: log-softmax of a row of logits, summed in double precision.
#pragma once

#include <vector>

#include "engine/weights.h"

namespace tara {

// ln of the sum of exp(logit). -infinity and NaN as the logits have them.
double log_sum_exp(const float * logits, int32_t size);

// The `count` largest logits' tokens, the largest first, of equal ones the smaller id.
std::vector<llama_token> most_likely(const float * logits, int32_t size, size_t count);

}  // namespace tara
