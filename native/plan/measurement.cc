#include "plan/measurement.h"

#include "quant/clones.h"

namespace tara::plan {

namespace {

constexpr int64_t LANES = 8;

}  // namespace

TARA_CLONES double weighted_squares(const float * x, const float * w, int64_t rows, int64_t cols) {
  double sums[LANES] = {};
  for (int64_t row = 0; row < rows; ++row, x += cols) {
    int64_t i = 0;
    for (; i + LANES <= cols; i += LANES) {
      for (int64_t lane = 0; lane < LANES; ++lane) {
        const double value = x[i + lane];
        sums[lane] += static_cast<double>(w[i + lane]) * (value * value);
      }
    }
    for (int64_t lane = 0; i < cols; ++i, ++lane) {
      const double value = x[i];
      sums[lane] += static_cast<double>(w[i]) * (value * value);
    }
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

TARA_CLONES void subtract(const float * x, float * y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] - y[i];
}

Measurement::Measurement(std::string tensor, std::vector<int> outputs, int64_t blocks)
    : tensor_(std::move(tensor)), outputs_(std::move(outputs)), squares_(static_cast<size_t>(blocks)), losses_(static_cast<size_t>(blocks) * outputs_.size()) {}

void Measurement::add(int64_t block, size_t measured, const Loss & loss) {
  Loss & sum = losses_[static_cast<size_t>(block) * outputs_.size() + measured];
  sum.error += loss.error;
  sum.lost += loss.lost;
}

Json Measurement::result() const {
  double squares = 0;
  for (const double one : squares_) squares += one;
  std::vector<Loss> totals(outputs_.size());
  for (size_t i = 0; i < losses_.size(); ++i) {
    totals[i % totals.size()].error += losses_[i].error;
    totals[i % totals.size()].lost += losses_[i].lost;
  }
  Json losses = Json::array();
  for (size_t i = 0; i < totals.size(); ++i) losses.push_back({{"output", outputs_[i]}, {"error", totals[i].error}, {"lost", totals[i].lost}});
  return {{"tensor", tensor_}, {"squares", squares}, {"losses", losses}};
}

}  // namespace tara::plan
