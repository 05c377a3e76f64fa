// What types would lose of a tensor: weighted squares of what its values are, and of how far they are off when read back.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "env/error.h"

namespace tara::plan {

// The sum over rows and columns of w_c x^2, in one order whatever the instruction set.
double weighted_squares(const float * x, const float * w, int64_t rows, int64_t cols);
// x - y into y.
void subtract(const float * x, float * y, int64_t n);

struct Loss {
  double error = 0;
  int64_t lost = 0;  // values that the type cannot hold
};

// Each block of rows has a place of its own, so that workers need no lock and the sums do not depend on who came first.
class Measurement {
 public:
  Measurement() = default;
  Measurement(std::string tensor, std::vector<int> outputs, int64_t blocks);

  bool empty() const noexcept { return outputs_.empty(); }
  void add_squares(int64_t block, double squares) { squares_[static_cast<size_t>(block)] += squares; }
  void add(int64_t block, size_t measured, const Loss & loss);

  // { tensor, squares, losses: [{ output, error, lost }] }, once every block was added.
  Json result() const;

 private:
  std::string tensor_;
  std::vector<int> outputs_;    // by measured target
  std::vector<double> squares_; // by block
  std::vector<Loss> losses_;    // by block and measured target
};

}  // namespace tara::plan
