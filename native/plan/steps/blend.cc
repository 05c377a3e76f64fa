#include "plan/steps/blend.h"

#include <algorithm>
#include <cmath>

#include "plan/reading.h"
#include "plan/steps/transpose.h"
#include "quant/clones.h"

namespace tara::plan {

namespace {

// Nearly parallel tensors have no arc to speak of: slerp is then linear, as in mergekit.
constexpr double PARALLEL = 0.9995;

struct Products {
  double aa = 0, bb = 0, ab = 0;
};

// In double, eight sums side by side: one order for every instruction set.
TARA_CLONES void products(const float * a, const float * b, int64_t n, Products & into) {
  double aa[8] = {}, bb[8] = {}, ab[8] = {};
  const auto add = [&](int64_t i, int64_t lane) {
    const double x = a[i], y = b[i];
    aa[lane] += x * x;
    bb[lane] += y * y;
    ab[lane] += x * y;
  };
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int64_t lane = 0; lane < 8; ++lane) add(i + lane, lane);
  }
  for (; i < n; ++i) add(i, 0);
  into = {};
  for (int lane = 0; lane < 8; ++lane) {
    into.aa += aa[lane];
    into.bb += bb[lane];
    into.ab += ab[lane];
  }
}

TARA_CLONES void combine(float * __restrict a, const float * __restrict b, float s0, float s1, int64_t n) {
  for (int64_t i = 0; i < n; ++i) a[i] = s0 * a[i] + s1 * b[i];
}

class BlendRun final : public StepRun {
 public:
  explicit BlendRun(const Step & step)
      : blend_(step.blend), rows_(step.rows_in), cols_(step.cols_in), s0_(static_cast<float>(1 - blend_.t)), s1_(static_cast<float>(blend_.t)) {}

  bool loads() const override { return blend_.transposed || blend_.slerp; }

  void load(Files & files) override {
    if (blend_.transposed) whole_ = transposed(read_whole(blend_.other, files), blend_.other.rows, blend_.other.cols);
    if (blend_.slerp) products_.resize(static_cast<size_t>(rows_));
  }

  int passes() const override { return blend_.slerp ? 1 : 0; }

  // Kept by rows and added in their order, so that blocks and threads do not matter.
  void look(int, const Block & block) override {
    const float * other = others(block);
    for (int64_t i = 0; i < block.count; ++i) {
      products(block.scratch.values.data() + i * cols_, other + i * cols_, cols_, products_[block.rows[i]]);
    }
  }

  void settle(int) override {
    Products all;
    for (const Products & row : products_) {
      all.aa += row.aa;
      all.bb += row.bb;
      all.ab += row.ab;
    }
    products_ = {};
    const double cosine = all.aa > 0 && all.bb > 0 ? all.ab / (std::sqrt(all.aa) * std::sqrt(all.bb)) : 1;
    if (!(std::fabs(cosine) <= PARALLEL)) return;
    const double angle = std::acos(cosine);
    s0_ = static_cast<float>(std::sin((1 - blend_.t) * angle) / std::sin(angle));
    s1_ = static_cast<float>(std::sin(blend_.t * angle) / std::sin(angle));
  }

  void apply(const Block & block) const override { combine(block.scratch.values.data(), others(block), s0_, s1_, block.count * cols_); }

  int64_t bytes() const override { return static_cast<int64_t>(whole_.size() * sizeof(float) + products_.size() * sizeof(Products)); }

 private:
  const float * others(const Block & block) const {
    auto & buffers = block.scratch.others;
    if (buffers.empty()) buffers.resize(1);
    float * into = sized(buffers[0], block.count * cols_);
    if (whole_.empty()) {
      read_other(blend_.other, block.files, block.scratch, block.rows, block.count, into);
    } else {
      for (int64_t i = 0; i < block.count; ++i) std::copy_n(whole_.data() + block.rows[i] * cols_, cols_, into + i * cols_);
    }
    return into;
  }

  const Blend & blend_;
  const int64_t rows_, cols_;
  std::vector<float> whole_;  // the other tensor where it had to be turned
  std::vector<Products> products_;
  float s0_, s1_;
};

}  // namespace

std::unique_ptr<StepRun> make_blend(const Step & step) { return std::make_unique<BlendRun>(step); }

}  // namespace tara::plan
