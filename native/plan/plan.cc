// Registers the plan's job kinds.
#include "env/environment.h"

namespace tara {

void register_plan(Registry & registry) {}

}  // namespace tara
