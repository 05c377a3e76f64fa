#include "plan/steps/columns.h"

#include <algorithm>
#include <vector>

#include "quant/vector_ops.h"

namespace tara::plan {

namespace {

class Columns final : public StepRun {
 public:
  Columns(const Table & table, int64_t cols) : table_(table), cols_(cols) {}

  void apply(const Block & block) const override {
    Scratch & scratch = block.scratch;
    const float * from = scratch.values.data();
    float * to = sized(scratch.spare, block.count * table_.length);
    for (int64_t row = 0; row < block.count; ++row, from += cols_) {
      for (size_t run = 0; run < table_.starts.size(); ++run) {
        const int64_t end = run + 1 < table_.before.size() ? table_.before[run + 1] : table_.length;
        to = std::copy_n(from + table_.starts[run], end - table_.before[run], to);
      }
    }
    std::swap(scratch.values, scratch.spare);
  }

 private:
  const Table & table_;
  const int64_t cols_;
};

class Affine final : public StepRun {
 public:
  Affine(int64_t cols, float scale, float offset, bool half) : cols_(cols), scale_(scale), offset_(offset), half_(half) {}

  void apply(const Block & block) const override {
    float * values = block.scratch.values.data();
    const int64_t count = block.count * cols_;
    quant::affine(values, count, scale_, offset_);
    if (!half_) return;
    std::vector<uint16_t> rounded(static_cast<size_t>(count));
    quant::f32_to_f16(values, rounded.data(), count);
    quant::f16_to_f32(rounded.data(), values, count);
  }

 private:
  const int64_t cols_;
  const float scale_, offset_;
  const bool half_;
};

}  // namespace

std::unique_ptr<StepRun> make_columns(const Table & table, int64_t cols) { return std::make_unique<Columns>(table, cols); }
std::unique_ptr<StepRun> make_affine(int64_t cols, float scale, float offset, bool half) { return std::make_unique<Affine>(cols, scale, offset, half); }

}  // namespace tara::plan
