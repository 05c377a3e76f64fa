#include "env/environment.h"

namespace tara {
void register_engine(Registry & registry) { (void) registry; }
}
