// What a teacher says of the next token, kept small: its most likely tokens with their probabilities, and tokens drawn from
// the rest, each standing for an equal share of it. Unlike the most likely ones alone this does not bias the student
// (Anshumann et al. 2025, "Sparse Logit Sampling: Accelerating Knowledge Distillation in LLMs").
//
// A row is 2 + 2 top + drawn words of 32 bits: entropy of the whole distribution in nats, probability of the rest, then the
// most likely tokens, their probabilities, and the tokens drawn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tara::train {

struct LabelShape {
  size_t top = 0;
  size_t drawn = 0;
  size_t words() const { return 2 + 2 * top + drawn; }
};

// In nats: of probabilities and the logarithms that they come from, and of probabilities alone.
double entropy_of(const float * probabilities, const float * logits, float top_logit, double log_sum, size_t vocabulary);
double entropy_of(const float * probabilities, size_t vocabulary);

// From probabilities and their entropy. The same seed draws the same tokens.
void make_label(const float * probabilities, double entropy, size_t vocabulary, LabelShape shape, uint64_t seed, uint32_t * row);

// The KL divergence of a row's teacher from the student, in nats, exact but for the rest, which is drawn; `probabilities`,
// the student's, become the gradient with respect to its logits.
double divergence_from(const uint32_t * row, LabelShape shape, float * probabilities, size_t vocabulary);

}  // namespace tara::train
