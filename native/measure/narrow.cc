#include "measure/narrow.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "measure/cholesky.h"
#include "quant/clones.h"

namespace tara::measure {

namespace {

constexpr double RIDGE = 0.01;  // of the mean diagonal: a text of some thousand tokens says little of weak directions
constexpr size_t BATCH = 16;    // channels whose removal reaches the inverse in one pass over it

// y[j] -= f * x[j]
TARA_CLONES
void take_off(double * y, double f, const double * x, size_t length) {
  for (size_t j = 0; j < length; ++j) y[j] -= f * x[j];
}

TARA_CLONES
double squares(const double * x, size_t length) {
  double lanes[8] = {};
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    for (size_t lane = 0; lane < 8; ++lane) lanes[lane] += x[i + lane] * x[i + lane];
  }
  for (size_t lane = 0; i < length; ++i, ++lane) lanes[lane] += x[i] * x[i];
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

Triangle ridged(const Channels & channels) {
  const auto & products = channels.input.products;
  Triangle h(products.begin(), products.end());
  double mean = 0;
  for (size_t i = 0; i < channels.size; ++i) mean += h[row_start(i) + i] / static_cast<double>(channels.size);
  const double ridge = mean > 0 ? RIDGE * mean : 1;
  for (size_t i = 0; i < channels.size; ++i) h[row_start(i) + i] += ridge;
  return h;
}

// The weight by channels: [size, rows].
class Surgeon {
 public:
  Surgeon(const Channels & channels, const Narrowing & narrowing) : size_(channels.size), rows_(channels.rows), columns_(size_ * rows_), norms_(size_), gone_(size_) {
    for (size_t row = 0; row < rows_; ++row) {
      for (size_t i = 0; i < size_; ++i) columns_[i * rows_ + row] = narrowing.weight[row * size_ + i];
    }
    const Triangle h = ridged(channels);
    Triangle factor = h;
    factorize(factor, size_);
    if (narrowing.next) make_up(channels, factor);
    energy_ = energy(h);
    invert(factor, size_);
    inverse_.resize(size_ * size_);
    diagonal_.resize(size_);
    for (size_t i = 0; i < size_; ++i) {
      for (size_t j = 0; j <= i; ++j) inverse_[i * size_ + j] = inverse_[j * size_ + i] = factor[row_start(i) + j];
      diagonal_[i] = factor[row_start(i) + i];
      norms_[i] = squares(&columns_[i * rows_], rows_);
    }
  }

  void remove_cheapest() {
    size_t j = size_;
    double least = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < size_; ++i) {
      const double cost = gone_[i] ? std::numeric_limits<double>::infinity() : norms_[i] / diagonal_[i];
      if (cost < least) {
        least = cost;
        j = i;
      }
    }
    if (j == size_ || !(diagonal_[j] > 0)) throw Error("TARA_LOGITS_INVALID");
    error_ += least;
    // The inverse's row as it is after all removals so far, by the root of its pivot.
    std::vector<double> row(inverse_.begin() + static_cast<std::ptrdiff_t>(j * size_), inverse_.begin() + static_cast<std::ptrdiff_t>((j + 1) * size_));
    for (const auto & earlier : pending_) take_off(row.data(), earlier[j], earlier.data(), size_);
    const double root = std::sqrt(diagonal_[j]);
    for (auto & value : row) value /= root;
    const std::vector<double> column(columns_.begin() + static_cast<std::ptrdiff_t>(j * rows_), columns_.begin() + static_cast<std::ptrdiff_t>((j + 1) * rows_));
    gone_[j] = true;
    for (size_t i = 0; i < size_; ++i) {
      if (gone_[i]) continue;
      take_off(&columns_[i * rows_], row[i] / root, column.data(), rows_);
      norms_[i] = squares(&columns_[i * rows_], rows_);
      diagonal_[i] -= row[i] * row[i];
    }
    pending_.push_back(std::move(row));
    if (pending_.size() == BATCH) settle();
  }

  Narrowed result() const {
    Narrowed made;
    for (size_t i = 0; i < size_; ++i) {
      if (!gone_[i]) made.kept.push_back(static_cast<uint32_t>(i));
    }
    made.width = made.kept.size();
    made.error = energy_ > 0 ? error_ / energy_ : 0;
    made.weight.resize(rows_ * made.width);
    for (size_t at = 0; at < made.width; ++at) {
      for (size_t row = 0; row < rows_; ++row) made.weight[row * made.width + at] = static_cast<float>(columns_[made.kept[at] * rows_ + row]);
    }
    if (!std::all_of(made.weight.begin(), made.weight.end(), [](float value) { return std::isfinite(value); })) throw Error("TARA_LOGITS_INVALID");
    return made;
  }

 private:
  // Adds what the next layer does to the residual stream, as far as it follows from the channels.
  void make_up(const Channels & channels, const Triangle & factor) {
    std::vector<double> y(size_);
    for (size_t row = 0; row < rows_; ++row) {
      for (size_t i = 0; i < size_; ++i) y[i] = channels.next[row * size_ + i];
      substitute(factor, size_, y.data());
      for (size_t i = 0; i < size_; ++i) columns_[i * rows_ + row] += y[i];
    }
  }

  // Mean square of the outputs: the trace of W H W^T.
  double energy(const Triangle & h) const {
    double sum = 0;
    std::vector<double> y(rows_);
    for (size_t i = 0; i < size_; ++i) {
      // Each pair of channels once: twice what lies below the diagonal.
      std::fill(y.begin(), y.end(), 0);
      for (size_t j = 0; j < i; ++j) take_off(y.data(), -2 * h[row_start(i) + j], &columns_[j * rows_], rows_);
      take_off(y.data(), -h[row_start(i) + i], &columns_[i * rows_], rows_);
      for (size_t row = 0; row < rows_; ++row) sum += y[row] * columns_[i * rows_ + row];
    }
    return sum;
  }

  void settle() {
    for (size_t i = 0; i < size_; ++i) {
      if (gone_[i]) continue;
      for (const auto & row : pending_) take_off(&inverse_[i * size_], row[i], row.data(), size_);
    }
    pending_.clear();
  }

  const size_t size_, rows_;
  std::vector<double> columns_, norms_, inverse_, diagonal_;
  std::vector<bool> gone_;
  std::vector<std::vector<double>> pending_;  // removals that the inverse does not show yet
  double energy_ = 0, error_ = 0;
};

}  // namespace

bool narrow(const Channels & channels, Narrowing narrowing, const std::function<bool()> & stop, const std::function<void(Narrowed)> & take) {
  size_t left = channels.size;
  // A layer that keeps its channels and its outputs keeps its weight to the bit.
  if (!narrowing.next && !narrowing.widths.empty() && narrowing.widths.front() == channels.size) {
    std::vector<uint32_t> all(channels.size);
    std::iota(all.begin(), all.end(), 0);
    take({channels.size, std::move(all), narrowing.weight, 0});
    narrowing.widths.erase(narrowing.widths.begin());
  }
  if (narrowing.widths.empty()) return true;
  Surgeon surgeon(channels, narrowing);
  for (const size_t width : narrowing.widths) {
    for (; left > width; --left) {
      if (stop()) return false;
      surgeon.remove_cheapest();
    }
    take(surgeon.result());
  }
  return true;
}

}  // namespace tara::measure
