// RegMean for low-rank changes (Jin et al. 2023, "Dataless Knowledge Fusion by Merging Weights of Language Models"): the
// one matrix whose outputs differ least, in squares, from what each domain's own change gives for that domain's inputs.
//
// Domain d changes a matrix by B_d A_d and feeds it inputs with second moments G_d (mean of x x^T, weighted). The best
// common change is sum_d B_d A_d G_d (sum_e G_e)^-1, so only the factors A change: A'_d = A_d G_d (sum_e G_e)^-1.
// Kept are therefore sum_e G_e of each input, once, and A_d G_d, which is as small as A_d: memory does not grow with
// the number of domains. Matrices that read the same tensor (query, key, value) share its sum.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "env/environment.h"

namespace tara::measure {

// A_d of one matrix, [rank, size] row by row, and A_d G_d so far.
struct Factor {
  size_t domain = 0;
  size_t rank = 0;
  std::vector<float> a;
  std::vector<float> cross;
};

struct Matrix {
  std::string tensor;  // GGUF name
  size_t size = 0;     // of its inputs
  int input = -1;      // -1 = not met yet
  std::vector<Factor> factors;
};

// A tensor that matrices read, named by the first of them.
struct Input {
  std::string first;
  size_t size = 0;
  std::vector<float> products;               // sum_e G_e: row i has its entries 0..i
  std::vector<std::vector<double>> squares;  // diagonal of G_d, by domain
};

class Fusion : public Object {
 public:
  // `limit` = bytes that the inputs' sums may take.
  Fusion(std::vector<Matrix> matrices, size_t limit) : matrices(std::move(matrices)), limit_(limit) {}
  void close() noexcept override {}

  std::vector<Matrix> matrices;
  std::vector<Input> inputs;
  size_t domains = 0;
  // One job at a time works on it.
  std::atomic<bool> busy{false};

  // The input of a matrix: one that is known by its first reader, or a new one. Throws TARA_OUT_OF_MEMORY, TARA_INTERNAL.
  size_t input_of(Matrix & matrix, const std::string & first);

 private:
  const size_t limit_;
  size_t bytes_ = 0;
};

// Adds scale * x x^T of each token to the sums that begin at it, and A x x^T to the factor's. `x` is [tokens, size].
// Rows are shared among threads, and each is summed in the tokens' order: the result does not depend on their number.
void add_products(Input & input, const float * x, size_t tokens, float scale, int threads);
void add_squares(Input & input, size_t domain, const float * x, size_t tokens, float scale);
// sums[r] += scale * left[t][r] * x[t], of all tokens; `sums` is [rows, size].
void add_outer(float * sums, const float * left, size_t rows, const float * x, size_t size, size_t tokens, float scale, int threads);
void add_cross(Factor & factor, size_t size, const float * x, size_t tokens, float scale, int threads);

// A' of every factor that reads the input, in the order of matrices and factors. Off-diagonal moments count `shrink`
// times, as in the paper. Takes size^2 * 4 bytes for the while. Throws TARA_LOGITS_INVALID for moments that are no numbers.
struct Solved {
  size_t matrix = 0;
  size_t factor = 0;
  std::vector<float> a;
};
std::vector<Solved> solve(const Fusion & fusion, size_t input, double shrink);

}  // namespace tara::measure
