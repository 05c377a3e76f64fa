// A second tensor of the same shape: between the two on a line, or along the arc (slerp, Shoemake 1985).
#pragma once

#include "plan/steps/step.h"

namespace tara::plan {

std::unique_ptr<StepRun> make_blend(const Step & step);

}  // namespace tara::plan
