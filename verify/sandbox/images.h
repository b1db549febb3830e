#pragma once
#include <string_view>

namespace gradus {

// The cage as a shared object, and the launcher as a program. They travel inside this one, so that
// nothing has to be found on a node.
std::string_view CageImage();
std::string_view LauncherImage();

}  // namespace gradus
