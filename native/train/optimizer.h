// AdamW (Loshchilov & Hutter 2019), with the gradient's length limited first.
#pragma once

#include "train/network.h"

namespace tara::train {

struct Rates {
  float norm = 0;
  float scale = 0;
  float lora = 0;
  float decay = 0;  // of LoRA's numbers, times their rate
  float clip = 0;   // longest gradient; 0 = any
};

// The gradient's length before it was limited. Throws TARA_TRAINING_DIVERGED where that is no number, having changed nothing.
double update(Network & network, std::vector<float> & gradient, const Rates & rates);

}  // namespace tara::train
