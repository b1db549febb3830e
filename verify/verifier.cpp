#include "verify/verifier.h"

namespace gradus {

const char* ToString(End end) {
  constexpr const char* kNames[] = {"fine", "rejected", "limit", "forged", "broken"};
  return kNames[static_cast<int>(end)];
}

}  // namespace gradus
