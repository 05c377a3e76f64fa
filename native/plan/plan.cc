// Registers the plan's job kinds.
#include "env/environment.h"
#include "plan/presets.h"
#include "plan/run.h"

namespace tara {

void register_plan(Registry & registry) {
  registry.starts["plan.run"] = plan::start_run;
  registry.calls["presets.types"] = plan::preset_types;
  registry.calls["presets.quantizable"] = plan::preset_quantizable;
}

}  // namespace tara
