// One step of one tensor while it is being made: what it needs beforehand, and what it does to rows.
// Steps of the class "row" only apply; those of the class "statistic" look at the whole input first; what a step
// needs whole (factors, transposed tensors) it loads once.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "plan/files.h"
#include "plan/lowered.h"

namespace tara::plan {

// Rows of the step's input, by their numbers there; their values are in scratch.values.
struct Block {
  const int64_t * rows;
  int64_t count;
  Files & files;
  Scratch & scratch;
};

// load and settle run alone; look and apply on any number of workers at once, each with its own scratch.
// Nothing may depend on how rows are split into blocks.
class StepRun {
 public:
  virtual ~StepRun() = default;

  virtual bool loads() const { return false; }
  virtual void load(Files &) {}

  // Passes over all rows of the input before the first block.
  virtual int passes() const { return 0; }
  // Whether a pass looks at the values, or works from what was loaded.
  virtual bool looks_at_values() const { return true; }
  virtual void look(int pass, const Block &) {}
  virtual void settle(int pass) {}

  // The rows wanted before the step, from those wanted after it.
  virtual void trace(std::vector<int64_t> & rows) const {}
  virtual void apply(const Block &) const {}

  // Memory held from block to block.
  virtual int64_t bytes() const { return 0; }
};

// For the step `index` of a tensor.
std::unique_ptr<StepRun> make_step(const Lowered & plan, const Tensor & tensor, size_t index);

}  // namespace tara::plan
