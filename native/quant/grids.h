// The levels that a stock block can hold once its scales are fixed, and its codes: for those who choose codes themselves.
#pragma once

#include <cstdint>

#include "ggml.h"

namespace tara::quant {

// Column c of a block with code k stands for base[c] + step[c] * level(k); level(k) is k, or codebook[k] where there is one.
struct Grid {
  int codes = 0;  // 0: the type is none of these
  const int8_t * codebook = nullptr;
};

// Types of which every column has a code of its own. Those with a grid of several columns (IQ1, IQ2, IQ3) are none.
Grid grid_of(ggml_type type);

// step and base of each column of a block.
void read_grid(ggml_type type, const uint8_t * block, float * step, float * base);
// Replaces a block's codes; its scales stay. One code for each column.
void put_codes(ggml_type type, uint8_t * block, const uint8_t * codes);

}  // namespace tara::quant
