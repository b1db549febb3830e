#pragma once
#include <functional>
#include <optional>

#include "orchestrator/comm/transport.h"

namespace gradus {

// Rank 0 prepares, which may take long, and shows meanwhile that it lives; the others wait. Every
// rank returns what `prepare` returned there; nothing when rank 0 was silent for `silence_s`.
std::optional<int> PrepareTogether(Transport& transport, const std::function<int()>& prepare,
                                   double silence_s);

}  // namespace gradus
