// Adds what adapters change: W + scale * merge(terms), merged by sum, TIES, DARE or DARE with TIES' votes.
#pragma once

#include "plan/steps/step.h"

namespace tara::plan {

std::unique_ptr<StepRun> make_delta(const Tensor & tensor, const Step & step);

}  // namespace tara::plan
