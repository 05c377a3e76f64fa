// One row of logits as a distribution: its softmax, a copy of it in 16 bits a token, and the KL divergence from such a copy.
//
// The copy holds ln p in 65535 equal steps from the most likely token down to 16 nats below it, as llama-perplexity keeps
// them; what lies lower than ln p = -16 counts for nothing in the divergence, there and here. Rounding moves the copied
// probabilities by about 1e-4 of themselves, and with them their sum: `excess` is what that adds to the divergence in
// first order, so that without it a row diverges from its own copy by less than 1e-8.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tara::measure {

struct Softmax {
  float top = 0;        // the largest logit
  size_t top_token = 0;  // the first that has it
  double log_sum = 0;   // ln of the sum of exp(logit - top)
};

// Throws TARA_LOGITS_INVALID for a NaN or an infinite largest logit.
Softmax softmax_of(const float * logits, size_t size);

// -ln p of a token, in nats.
double loss_of(const float * logits, const Softmax & softmax, size_t token);

// ln p = floor + step * code
struct Steps {
  float floor = 0;
  float step = 0;
  float excess = 0;
};
Steps quantize_row(const float * logits, const Softmax & softmax, size_t size, uint16_t * codes);

// Sum of p ln(p / q), in nats: p copied, q of the logits. Throws TARA_LOGITS_INVALID where that is no number.
double divergence(const uint16_t * codes, const Steps & steps, const float * logits, const Softmax & softmax, size_t size);

}  // namespace tara::measure
