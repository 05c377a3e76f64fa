// The steps that change a row by itself: its columns by a table, x * scale + offset.
#pragma once

#include "plan/steps/step.h"

namespace tara::plan {

std::unique_ptr<StepRun> make_columns(const Table & table, int64_t cols);
std::unique_ptr<StepRun> make_affine(int64_t cols, float scale, float offset, bool half);

}  // namespace tara::plan
