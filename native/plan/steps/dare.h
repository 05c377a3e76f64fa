// DARE (Yu et al. 2023): each element of a delta is kept with a probability, and what is kept is rescaled.
#pragma once

#include <cstdint>
#include <string>

namespace tara::plan {

// Which elements of one term are kept: a function of (seed, tensor, term, element) alone, so that neither blocks nor
// threads matter. SplitMix64 (Steele, Lea and Flood 2014) as a counter-based generator.
class Dropout {
 public:
  Dropout(uint32_t seed, const std::string & tensor, size_t term, double density);

  // Elements first .. first + n of the matrix, counted by rows.
  void apply(float * x, int64_t n, int64_t first) const;

 private:
  uint64_t key_;
  uint64_t below_;
  float rescale_;
};

}  // namespace tara::plan
