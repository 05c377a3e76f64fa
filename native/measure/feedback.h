// What rounding with error feedback (quant/feedback.h) needs of the inputs that a fusion has seen.
#pragma once

#include <vector>

#include "measure/fusion.h"

namespace tara::measure {

struct Damping {
  double ridge = 0;   // of the mean diagonal, added to the diagonal
  double shrink = 1;  // what off-diagonal moments count
};

// [size, size] row by row: M above the diagonal and D on it, with M D M^T the damped moments; 0 below.
// Takes size^2 * 8 bytes. Throws TARA_LOGITS_INVALID for moments that are no numbers.
std::vector<float> feedback_factor(const Input & input, const Damping & damping);

}  // namespace tara::measure
