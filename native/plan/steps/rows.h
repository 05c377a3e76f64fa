// Steps that take rows: an index table, and the permutation that undoes Hugging Face's rotary layout.
#pragma once

#include "plan/steps/step.h"

namespace tara::plan {

std::unique_ptr<StepRun> make_rows_table(const Table & table);
std::unique_ptr<StepRun> make_rows_rope(int64_t rows, int64_t heads);

}  // namespace tara::plan
