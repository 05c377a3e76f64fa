#include "plan/steps/delta.h"

#include <algorithm>
#include <cmath>
#include <mutex>

#include "plan/steps/dare.h"
#include "plan/steps/terms.h"
#include "plan/steps/ties.h"
#include "quant/clones.h"
#include "quant/vector_ops.h"

namespace tara::plan {

namespace {

TARA_CLONES void add_scaled(float * __restrict y, const float * __restrict x, float scale, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] += scale * x[i];
}

class DeltaRun final : public StepRun {
 public:
  DeltaRun(const Tensor & tensor, const Step & step)
      : name_(tensor.name), delta_(step.delta), rows_(step.rows_in), cols_(step.cols_in), terms_(step),
        trims_(delta_.method == Delta::Method::ties && delta_.density < 1),
        // A sum's scale is in its weights.
        scale_(delta_.method == Delta::Method::sum ? 1.0f : static_cast<float>(delta_.scale)) {
    for (size_t term = 0; term < terms_.count(); ++term) {
      weights_.push_back(terms_.weight(term));
      dropouts_.emplace_back(delta_.seed, name_, term, delta_.density);
    }
  }

  bool loads() const override { return true; }

  void load(Files & files) override {
    terms_.load(files);
    // As many as torch.topk is asked for in PEFT and mergekit, but never none.
    const double kept = std::floor(delta_.density * static_cast<double>(rows_ * cols_));
    if (trims_) thresholds_.start(terms_.count(), std::max<uint64_t>(1, static_cast<uint64_t>(kept)));
  }

  int passes() const override { return trims_ ? Thresholds::PASSES : 0; }
  bool looks_at_values() const override { return terms_.need_values(); }

  void look(int pass, const Block & block) override {
    auto & counts = block.scratch.counts;
    thresholds_.clear(counts);
    terms_.prepare(block);
    float * delta = sized(block.scratch.deltas, TILE_SIZE);
    terms_.each_tile(block, [&](const Tile & tile) {
      for (size_t term = 0; term < terms_.count(); ++term) {
        terms_.delta(term, block, tile, delta);
        thresholds_.count(pass, term, delta, tile.size(), counts);
      }
    });
    std::lock_guard<std::mutex> lock(mutex_);
    thresholds_.add(counts);
  }

  void settle(int pass) override {
    if (!thresholds_.settle(pass)) not_finite();
  }

  void apply(const Block & block) const override {
    // W + (other - W) is not always other in float32.
    if (delta_.method == Delta::Method::sum && terms_.replace()) {
      terms_.replace_rows(block);
      return;
    }
    Scratch & scratch = block.scratch;
    terms_.prepare(block);
    float * deltas = sized(scratch.deltas, static_cast<int64_t>(terms_.count()) * TILE_SIZE);
    float * merged = sized(scratch.merged, TILE_SIZE);
    terms_.each_tile(block, [&](const Tile & tile) {
      for (size_t term = 0; term < terms_.count(); ++term) {
        float * delta = deltas + static_cast<int64_t>(term) * TILE_SIZE;
        terms_.delta(term, block, tile, delta);
        // A vote would drop it in silence; the histogram of a trim has seen it already.
        if (elects() && !trims_ && quant::peak_bits(delta, tile.size()) >= quant::INFINITY_BITS) not_finite();
        thin(term, block, tile, delta);
      }
      merge(deltas, tile.size(), merged);
      for (int64_t i = 0; i < tile.rows; ++i) {
        add_scaled(scratch.values.data() + (tile.row + i) * cols_ + tile.col, merged + i * tile.cols, scale_, tile.cols);
      }
    });
  }

  int64_t bytes() const override { return terms_.bytes() + thresholds_.bytes(); }

 private:
  bool elects() const { return delta_.method == Delta::Method::ties || delta_.method == Delta::Method::dare_ties; }

  [[noreturn]] void not_finite() const {
    throw Error("TARA_TENSOR_NOT_FINITE", {{"tensor", name_}, {"reason", "what adapters add to it is NaN or infinite"}});
  }

  // What a method takes away from one term's delta.
  void thin(size_t term, const Block & block, const Tile & tile, float * delta) const {
    if (trims_) trim(delta, tile.size(), thresholds_.of(term));
    if (delta_.method != Delta::Method::dare && delta_.method != Delta::Method::dare_ties) return;
    for (int64_t i = 0; i < tile.rows; ++i) {
      dropouts_[term].apply(delta + i * tile.cols, tile.cols, block.rows[tile.row + i] * cols_ + tile.col);
    }
  }

  void merge(const float * deltas, int64_t n, float * merged) const {
    if (elects()) {
      elect(deltas, TILE_SIZE, weights_, n, merged);
      return;
    }
    std::fill(merged, merged + n, 0.0f);
    for (size_t term = 0; term < weights_.size(); ++term) add_scaled(merged, deltas + static_cast<int64_t>(term) * TILE_SIZE, weights_[term], n);
  }

  const std::string & name_;
  const Delta & delta_;
  const int64_t rows_, cols_;
  Terms terms_;
  const bool trims_;
  const float scale_;
  std::vector<float> weights_;
  std::vector<Dropout> dropouts_;
  std::mutex mutex_;
  Thresholds thresholds_;
};

}  // namespace

std::unique_ptr<StepRun> make_delta(const Tensor & tensor, const Step & step) { return std::make_unique<DeltaRun>(tensor, step); }

}  // namespace tara::plan
