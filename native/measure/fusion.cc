#include "measure/fusion.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <thread>

#include "measure/cholesky.h"
#include "quant/clones.h"

namespace tara::measure {

namespace {

constexpr size_t GROUP = 8;    // tokens summed in registers before they reach memory
constexpr size_t STRIPE = 8;   // rows that a thread takes in turn
constexpr double RIDGE = 1e-6; // of the mean diagonal: directions that no text had

// row[j] += sum over tokens of factors[t] * x[t][j]
TARA_CLONES
void add_tokens(float * row, size_t length, const float * factors, const float * x, size_t stride, size_t tokens) {
  size_t t = 0;
  for (; t + GROUP <= tokens; t += GROUP) {
    const float * f = factors + t;
    const float *x0 = x + t * stride, *x1 = x0 + stride, *x2 = x1 + stride, *x3 = x2 + stride;
    const float *x4 = x3 + stride, *x5 = x4 + stride, *x6 = x5 + stride, *x7 = x6 + stride;
    for (size_t j = 0; j < length; ++j) {
      row[j] += ((f[0] * x0[j] + f[1] * x1[j]) + (f[2] * x2[j] + f[3] * x3[j])) + ((f[4] * x4[j] + f[5] * x5[j]) + (f[6] * x6[j] + f[7] * x7[j]));
    }
  }
  for (; t < tokens; ++t) {
    for (size_t j = 0; j < length; ++j) row[j] += factors[t] * x[t * stride + j];
  }
}

// Calls `work(row)` for every row, stripes of them on each thread.
void for_rows(size_t rows, int threads, const std::function<void(size_t)> & work) {
  const size_t count = std::min<size_t>(static_cast<size_t>(std::max(1, threads)), (rows + STRIPE - 1) / STRIPE);
  const auto stripes = [&](size_t first) {
    for (size_t from = first * STRIPE; from < rows; from += count * STRIPE) {
      for (size_t row = from; row < std::min(rows, from + STRIPE); ++row) work(row);
    }
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < count; ++i) others.emplace_back(stripes, i);
  stripes(0);
  for (auto & other : others) other.join();
}

}  // namespace

size_t Fusion::input_of(Matrix & matrix, const std::string & first) {
  if (matrix.input >= 0) {
    if (inputs[matrix.input].first != first) throw Error("TARA_INTERNAL", {{"reason", matrix.tensor + " reads another tensor than before"}});
    return matrix.input;
  }
  const auto known = std::find_if(inputs.begin(), inputs.end(), [&](const Input & input) { return input.first == first; });
  if (known != inputs.end()) {
    matrix.input = static_cast<int>(known - inputs.begin());
    return matrix.input;
  }
  const size_t count = row_start(matrix.size);
  bytes_ += count * sizeof(float);
  if (bytes_ > limit_) {
    throw Error("TARA_OUT_OF_MEMORY", {{"reason", "the moments of the inputs up to " + matrix.tensor + " take " + std::to_string(bytes_ >> 20) + " MiB, the limit is " + std::to_string(limit_ >> 20) + " MiB"}});
  }
  inputs.push_back({first, matrix.size, std::vector<float>(count), std::vector<std::vector<double>>(domains)});
  matrix.input = static_cast<int>(inputs.size() - 1);
  return matrix.input;
}

void add_products(Input & input, const float * x, size_t tokens, float scale, int threads) {
  for_rows(input.size, threads, [&](size_t row) {
    std::vector<float> factors(tokens);
    for (size_t t = 0; t < tokens; ++t) factors[t] = scale * x[t * input.size + row];
    add_tokens(&input.products[row_start(row)], row + 1, factors.data(), x, input.size, tokens);
  });
}

void add_outer(float * sums, const float * left, size_t rows, const float * x, size_t size, size_t tokens, float scale, int threads) {
  for_rows(rows, threads, [&](size_t row) {
    std::vector<float> factors(tokens);
    for (size_t t = 0; t < tokens; ++t) factors[t] = scale * left[t * rows + row];
    add_tokens(&sums[row * size], size, factors.data(), x, size, tokens);
  });
}

void add_squares(Input & input, size_t domain, const float * x, size_t tokens, float scale) {
  if (input.squares.size() <= domain) input.squares.resize(domain + 1);
  auto & squares = input.squares[domain];
  squares.resize(input.size);
  for (size_t t = 0; t < tokens; ++t) {
    for (size_t j = 0; j < input.size; ++j) squares[j] += static_cast<double>(scale) * x[t * input.size + j] * x[t * input.size + j];
  }
}

void add_cross(Factor & factor, size_t size, const float * x, size_t tokens, float scale, int threads) {
  for_rows(factor.rank, threads, [&](size_t row) {
    std::vector<float> factors(tokens);
    for (size_t t = 0; t < tokens; ++t) factors[t] = scale * dot(&factor.a[row * size], x + t * size, size);
    add_tokens(&factor.cross[row * size], size, factors.data(), x, size, tokens);
  });
}

std::vector<Solved> solve(const Fusion & fusion, size_t index, double shrink) {
  const Input & input = fusion.inputs[index];
  const size_t size = input.size;
  Triangle m(input.products.begin(), input.products.end());
  double mean = 0;
  for (size_t i = 0; i < size; ++i) mean += m[row_start(i) + i] / static_cast<double>(size);
  // Inputs that are always 0 make nothing of any change.
  const double ridge = mean > 0 ? RIDGE * mean : 1;
  for (size_t i = 0; i < size; ++i) {
    for (size_t j = 0; j < i; ++j) m[row_start(i) + j] *= shrink;
    m[row_start(i) + i] += ridge;
  }
  factorize(m, size);
  std::vector<Solved> solved;
  std::vector<double> y(size);
  for (size_t k = 0; k < fusion.matrices.size(); ++k) {
    const Matrix & matrix = fusion.matrices[k];
    if (matrix.input != static_cast<int>(index)) continue;
    for (size_t f = 0; f < matrix.factors.size(); ++f) {
      const Factor & factor = matrix.factors[f];
      const auto & squares = input.squares.at(factor.domain);
      Solved result{k, f, std::vector<float>(factor.rank * size)};
      for (size_t row = 0; row < factor.rank; ++row) {
        for (size_t j = 0; j < size; ++j) {
          const size_t at = row * size + j;
          y[j] = shrink * factor.cross[at] + (1 - shrink) * factor.a[at] * (squares.empty() ? 0 : squares[j]);
        }
        substitute(m, size, y.data());
        for (size_t j = 0; j < size; ++j) result.a[row * size + j] = static_cast<float>(y[j]);
      }
      for (const float value : result.a) {
        if (!std::isfinite(value)) throw Error("TARA_LOGITS_INVALID");
      }
      solved.push_back(std::move(result));
    }
  }
  return solved;
}

}  // namespace tara::measure
