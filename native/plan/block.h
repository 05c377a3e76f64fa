// One tensor in the making, rows by rows: read, steps in float32, encode for every output.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "plan/files.h"
#include "plan/lowered.h"
#include "plan/measurement.h"
#include "plan/steps/step.h"
#include "quant/feedback.h"

namespace tara::plan {

// A part of the work on a tensor that must be complete before the next one begins.
struct Phase {
  enum class Kind { load, look, write };
  Kind kind = Kind::write;
  size_t step = 0;  // of look
  int pass = 0;
  int64_t rows = 1;  // of the step's input, or as written
  int64_t rows_per_item = 1;
};

class TensorRun {
 public:
  TensorRun(const Lowered & plan, const Tensor & tensor);

  const Tensor & tensor() const noexcept { return tensor_; }
  // load if any step loads; look for each pass of each step; write.
  const std::vector<Phase> & phases() const noexcept { return phases_; }

  // Rows [first, first + count) of a phase; any worker, each with its own scratch. Throws tara::Error.
  void work(const Phase & phase, Files & files, Scratch & scratch, int64_t first, int64_t count);
  // Once, when all rows of a phase are done and before the next phase begins. Throws tara::Error.
  void settle(const Phase & phase);

  // Memory held for all of the tensor; only while no rows are at work.
  int64_t bytes() const;

  // What its measured targets would lose; complete when all phases are.
  const Measurement & measurement() const noexcept { return measurement_; }

 private:
  void load(Files & files);
  void make_rows(size_t stage, Files & files, Scratch & scratch, int64_t first, int64_t count);
  void read(Files & files, Scratch & scratch, int64_t count);
  void read_transposed(Files & files, Scratch & scratch);
  void look(const Phase & phase, Files & files, Scratch & scratch, int64_t first, int64_t count);
  bool feeds_back(const Target & target) const;
  // `loss`: what rounding with feedback leaves, where it is wanted.
  quant::Encoded encode_rows(const Target & target, const float * from, uint8_t * to, int64_t rows, const float * importance, uint32_t peak, Scratch & scratch, double * loss = nullptr) const;
  void encode(const Target & target, Scratch & scratch, int64_t first, int64_t count, uint32_t peak) const;
  void measure_squares(Scratch & scratch, int64_t first, int64_t count);
  void measure(const Target & target, size_t measured, Scratch & scratch, int64_t first, int64_t count, uint32_t peak);
  void write(Files & files, Scratch & scratch, int64_t first, int64_t count);

  const Lowered & plan_;
  const Tensor & tensor_;
  const bool decodable_;
  std::vector<std::unique_ptr<StepRun>> steps_;
  std::optional<quant::Factor> factor_;  // of targets with feedback, once loaded
  std::vector<Phase> phases_;
  Measurement measurement_;
};

}  // namespace tara::plan
