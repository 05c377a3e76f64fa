#include "plan/steps/rows.h"

namespace tara::plan {

namespace {

// Rows are read in their new order, so there is nothing left to apply.
class RowsTable final : public StepRun {
 public:
  explicit RowsTable(const Table & table) : table_(table) {}

  void trace(std::vector<int64_t> & rows) const override {
    for (int64_t & row : rows) row = table_.at(row);
  }

 private:
  const Table & table_;
};

// Each head's two halves are interleaved.
class RowsRope final : public StepRun {
 public:
  RowsRope(int64_t rows, int64_t heads) : width_(rows / heads) {}

  void trace(std::vector<int64_t> & rows) const override {
    for (int64_t & row : rows) {
      const int64_t head = row / width_, in_head = row % width_;
      row = head * width_ + (in_head % 2) * (width_ / 2) + in_head / 2;
    }
  }

 private:
  const int64_t width_;
};

}  // namespace

std::unique_ptr<StepRun> make_rows_table(const Table & table) { return std::make_unique<RowsTable>(table); }
std::unique_ptr<StepRun> make_rows_rope(int64_t rows, int64_t heads) { return std::make_unique<RowsRope>(rows, heads); }

}  // namespace tara::plan
