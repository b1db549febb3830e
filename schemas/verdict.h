#pragma once
#include <cstdint>
#include <string>

namespace gradus {

// Three-valued everywhere. Only the first two may become labels. Values are stored: append only.
enum class Verdict : std::uint8_t { kUnverifiable = 0, kCorrect = 1, kWrong = 2 };

// What a verifier says of one answer.
struct Judgement {
  Verdict verdict = Verdict::kUnverifiable;
  std::string reason;  // Rule that decided, e.g. "exact-rational", "no-answer", "timeout".
};

inline const char* ToString(Verdict verdict) {
  switch (verdict) {
    case Verdict::kCorrect:
      return "correct";
    case Verdict::kWrong:
      return "wrong";
    default:
      return "unverifiable";
  }
}

}  // namespace gradus
