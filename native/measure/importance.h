// Importance of a weight's columns: the squares of what the model multiplied it by, summed over the tokens of a text, as
// llama.cpp's imatrix tool has them. Summed in double, in the tokens' order: the result does not depend on threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ggml.h"

namespace tara::measure {

struct Importance {
  std::vector<double> sums;      // [matrices, columns] row by row
  std::vector<uint64_t> counts;  // inputs that were summed: of each expert, or one for all matrices of a dense weight
};

// sums[j] += the squares of column j of `count` rows, `stride` bytes apart.
void add_squares(double * sums, size_t columns, const char * rows, size_t stride, size_t count);

// Of the inputs of a GGML_OP_MUL_MAT, float32 at `data`. Each of the weight's matrices, [ne2, ne3] of them, has its sums; they share one count.
Importance dense_importance(const ggml_tensor * inputs, const char * data, int64_t ne2 = 1, int64_t ne3 = 1);
// Of the inputs of a GGML_OP_MUL_MAT_ID, each counted for the experts that `ids` (int32) names. Throws TARA_INTERNAL for an unknown expert.
Importance routed_importance(const ggml_tensor * product, const char * data, const char * ids);

// Throws TARA_TENSOR_NOT_FINITE, naming the weight, for inputs that were no numbers; TARA_INTERNAL for one of another shape than before.
void add(Importance & total, const Importance & part, const std::string & weight);

}  // namespace tara::measure
