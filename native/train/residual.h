// What a quantization lost of a matrix, as far as low rank can give it back, weighed by what the model's inputs are like:
// LQER's L2QER (Zhang et al. 2024, "LQER: Low-Rank Quantization Error Reconstruction for LLMs") with the root mean squares of
// QERA-approx (Zhang et al. 2024) as scales. (W - Q) S = U D V^T, cut after `rank`; B = U, A = D V^T S^-1.
#pragma once

#include <cstddef>
#include <vector>

namespace tara::train {

struct LowRank {
  std::vector<float> a;  // [rank, columns]
  std::vector<float> b;  // [rows, rank]
  double error = 0;      // squares of the weighed difference, and what is left of them
  double left = 0;
};

// `difference` is [rows, columns] and is overwritten; `scales` are above 0, one for each column. The singular vectors come from
// subspace iteration (Halko et al. 2011), the same for the same input.
LowRank low_rank(std::vector<float> & difference, size_t rows, size_t columns, const std::vector<float> & scales, size_t rank);

}  // namespace tara::train
