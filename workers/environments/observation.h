#pragma once
#include <cstdint>
#include <string>

#include "verify/verifier.h"

namespace gradus {

// How the model is told what its program did.
enum class ObservationStyle : std::uint8_t {
  kPlain,      // All that was printed, else the value; after a failure also its error.
  kRstarMath,  // The same, a float with at most 4 decimals where that is shorter (released code).
  kTora,  // What was printed, stripped; nothing printed: "Done"; a failure: its last line alone
          // (what was printed before is dropped), as ToRA's executor does.
};

// The text for the model, at most `max_chars` bytes: longer ones keep head and tail around "...".
std::string Observation(const Report& report, ObservationStyle style, int max_chars);

// Whether time ran out, by the verifier's own word.
bool IsTimeout(std::string_view outcome);

}  // namespace gradus
