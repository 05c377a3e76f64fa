#include "plan/steps/step.h"

#include "plan/steps/blend.h"
#include "plan/steps/columns.h"
#include "plan/steps/delta.h"
#include "plan/steps/rows.h"

namespace tara::plan {

std::unique_ptr<StepRun> make_step(const Lowered & plan, const Tensor & tensor, size_t index) {
  const Step & step = tensor.steps[index];
  switch (step.op) {
    case Step::Op::rows_table: return make_rows_table(plan.tables[step.table]);
    case Step::Op::rows_rope: return make_rows_rope(step.rows_in, step.heads);
    case Step::Op::cols: return make_columns(plan.tables[step.table], step.cols_in);
    case Step::Op::affine: return make_affine(step.cols_in, step.scale, step.offset, step.half);
    case Step::Op::delta: return make_delta(tensor, step);
    case Step::Op::blend: return make_blend(step);
  }
  throw Error("TARA_PLAN_INVALID", {{"reason", tensor.name + ": unknown step"}});
}

}  // namespace tara::plan
