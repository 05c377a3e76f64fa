#include "plan/steps/terms.h"

#include <algorithm>
#include <cmath>

#include "plan/reading.h"
#include "plan/steps/low_rank.h"
#include "plan/steps/transpose.h"
#include "quant/clones.h"

namespace tara::plan {

static_assert(TILE_ROWS == LOW_RANK_ROWS, "a tile is as high as a low-rank product");

namespace {

// In double, eight sums side by side: one order for every instruction set.
TARA_CLONES double sum_of_squares(const float * x, int64_t n) {
  double sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) sums[lane] += static_cast<double>(x[i + lane]) * static_cast<double>(x[i + lane]);
  }
  for (; i < n; ++i) sums[0] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

TARA_CLONES void add(float * __restrict y, const float * __restrict x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += x[i];
}

TARA_CLONES void subtract(const float * __restrict a, const float * __restrict b, float * __restrict out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] - b[i];
}

TARA_CLONES void multiply(float * x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

}  // namespace

Terms::Terms(const Step & step) : rows_(step.rows_in), cols_(step.cols_in) {
  const Delta & delta = step.delta;
  const bool sum = delta.method == Delta::Method::sum;
  Part together;
  for (const Term & term : delta.terms) {
    const double weight = sum ? term.weight * delta.scale : term.weight;
    if (sum && !term.is_full() && !term.is_dora()) {
      together.factors.push_back({&term, static_cast<float>(weight * term.scale)});
      continue;
    }
    Part part;
    part.weight = static_cast<float>(weight);
    if (!term.is_full()) part.factors.push_back({&term, static_cast<float>(term.scale)});
    if (term.is_full() || term.is_dora()) part.place = &term;
    terms_.push_back(std::move(part));
  }
  if (!together.factors.empty()) terms_.insert(terms_.begin(), std::move(together));
}

void Terms::load(Files & files) {
  for (Part & part : terms_) {
    load_factors(part, files);
    if (part.place == nullptr) continue;
    const Term & term = *part.place;
    if (term.is_dora()) part.magnitude = read_whole(term.magnitude, files);
    if (term.is_full() && term.transposed) part.whole = transposed(read_whole(term.full, files), term.full.rows, term.full.cols);
  }
}

void Terms::load_factors(Part & part, Files & files) const {
  for (const Factor & factor : part.factors) part.rank += factor.term->a.rows;
  part.left.resize(static_cast<size_t>(rows_ * part.rank));
  part.right.resize(static_cast<size_t>(part.rank * cols_));
  int64_t k0 = 0;
  for (const auto & [term, scale] : part.factors) {
    const int64_t rank = term->a.rows;
    const std::vector<float> a = read_whole(term->a, files), b = read_whole(term->b, files);
    // a is [rank, x], b is [y, rank]; a transposed delta swaps which of them carries the rows.
    for (int64_t row = 0; row < rows_; ++row) {
      for (int64_t k = 0; k < rank; ++k) {
        part.left[row * part.rank + k0 + k] = scale * (term->transposed ? a[k * rows_ + row] : b[row * rank + k]);
      }
    }
    for (int64_t k = 0; k < rank; ++k) {
      float * right = part.right.data() + (k0 + k) * cols_;
      for (int64_t col = 0; col < cols_; ++col) right[col] = term->transposed ? b[col * rank + k] : a[k * cols_ + col];
    }
    k0 += rank;
  }
}

int64_t Terms::bytes() const {
  size_t values = 0;
  for (const Part & part : terms_) values += part.left.size() + part.right.size() + part.magnitude.size() + part.whole.size();
  return static_cast<int64_t>(values * sizeof(float));
}

bool Terms::need_values() const {
  return std::any_of(terms_.begin(), terms_.end(), [](const Part & part) { return part.place != nullptr; });
}

bool Terms::replace() const { return terms_.size() == 1 && terms_[0].place != nullptr && terms_[0].weight == 1.0f; }

void Terms::replace_rows(const Block & block) const { place_rows(terms_[0], block, block.scratch.values.data()); }

void Terms::prepare(const Block & block) const {
  auto & others = block.scratch.others;
  others.resize(std::max(others.size(), terms_.size()));
  for (size_t i = 0; i < terms_.size(); ++i) {
    if (terms_[i].place != nullptr) place_rows(terms_[i], block, sized(others[i], block.count * cols_));
  }
}

void Terms::place_rows(const Part & part, const Block & block, float * into) const {
  if (part.place->is_dora()) {
    dora_rows(part, block, into);
  } else if (part.whole.empty()) {
    read_other(part.place->full, block.files, block.scratch, block.rows, block.count, into);
  } else {
    for (int64_t i = 0; i < block.count; ++i) std::copy_n(part.whole.data() + block.rows[i] * cols_, cols_, into + i * cols_);
  }
}

// magnitude * V / ||V|| with V = W + scale * B A, by rows (Liu et al. 2024, as PEFT merges it). A row of zeros has no
// direction to stretch: it stays.
void Terms::dora_rows(const Part & part, const Block & block, float * into) const {
  const float * values = block.scratch.values.data();
  if (into != values) std::copy_n(values, block.count * cols_, into);
  float * tile_delta = sized(block.scratch.deltas, TILE_SIZE);
  each_tile(block, [&](const Tile & tile) {
    product(part, block, tile, tile_delta);
    for (int64_t i = 0; i < tile.rows; ++i) add(into + (tile.row + i) * cols_ + tile.col, tile_delta + i * tile.cols, tile.cols);
  });
  for (int64_t i = 0; i < block.count; ++i) {
    const double norm = std::sqrt(sum_of_squares(into + i * cols_, cols_));
    if (norm > 0) multiply(into + i * cols_, static_cast<float>(part.magnitude[block.rows[i]] / norm), cols_);
  }
}

void Terms::product(const Part & part, const Block & block, const Tile & tile, float * out) const {
  const float * left[TILE_ROWS];
  for (int64_t i = 0; i < tile.rows; ++i) left[i] = part.left.data() + block.rows[tile.row + i] * part.rank;
  low_rank(left, tile.rows, part.rank, part.right.data() + tile.col, cols_, tile.cols, out);
}

void Terms::delta(size_t term, const Block & block, const Tile & tile, float * out) const {
  const Part & part = terms_[term];
  if (part.place == nullptr) {
    product(part, block, tile, out);
    return;
  }
  for (int64_t i = 0; i < tile.rows; ++i) {
    const int64_t at = (tile.row + i) * cols_ + tile.col;
    subtract(block.scratch.others[term].data() + at, block.scratch.values.data() + at, out + i * tile.cols, tile.cols);
  }
}

}  // namespace tara::plan
