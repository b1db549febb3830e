#include "workers/environments/environment.h"

namespace gradus {

const std::vector<EnvironmentKind>& EnvironmentKinds() { return BuiltInEnvironmentKinds(); }

}  // namespace gradus
