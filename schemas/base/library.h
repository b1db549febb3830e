#pragma once
#include <dlfcn.h>

#include "schemas/base/handle.h"

namespace gradus {

struct LibraryTraits {
  using Type = void*;
  static Type Null() { return nullptr; }
  static void Close(Type library) noexcept { ::dlclose(library); }
};
// A shared library that was loaded by dlopen.
using Library = Handle<LibraryTraits>;

}  // namespace gradus
