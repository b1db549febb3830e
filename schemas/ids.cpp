#include "schemas/ids.h"

#include <charconv>

#include "schemas/base/error.h"

namespace gradus {
namespace {

// Reads "<tag><number>" from the front of `text` and drops it; false when it is not there.
bool TakeNumber(std::string_view& text, std::string_view tag, std::uint32_t& number) {
  if (text.substr(0, tag.size()) != tag) return false;
  text.remove_prefix(tag.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

}  // namespace

std::string ToString(Phase phase) {
  switch (phase) {
    case Phase::kRollout:
      return "rollout";
    case Phase::kRolloutHard:
      return "rollout_hard";
    case Phase::kEvaluate:
      return "evaluate";
  }
  return fmt::format("phase-{}", static_cast<int>(phase));
}

std::string ToString(const Key& key) {
  return fmt::format("r{}/{}/p{}/a{}", key.round, ToString(key.phase), key.problem, key.attempt);
}

bool IsPhase(std::uint8_t value) {
  return value >= static_cast<std::uint8_t>(Phase::kRollout) &&
         value <= static_cast<std::uint8_t>(Phase::kEvaluate);
}

Phase ParsePhase(std::string_view text) {
  for (Phase phase : {Phase::kRollout, Phase::kRolloutHard, Phase::kEvaluate}) {
    if (text == ToString(phase)) return phase;
  }
  Fail("'{}' is not a phase: one of rollout, rollout_hard, evaluate", text);
}

Key ParseKey(std::string_view text) {
  const std::string_view whole = text;
  Key key;
  bool ok = TakeNumber(text, "r", key.round) && text.substr(0, 1) == "/";
  if (ok) {
    text.remove_prefix(1);
    const std::size_t slash = text.find('/');
    ok = slash != std::string_view::npos;
    if (ok) {
      key.phase = ParsePhase(text.substr(0, slash));
      text.remove_prefix(slash);
      ok = TakeNumber(text, "/p", key.problem) && TakeNumber(text, "/a", key.attempt) &&
           text.empty();
    }
  }
  if (!ok) Fail("'{}' is not a key: expected a form like r1/rollout/p17/a0", whole);
  return key;
}

}  // namespace gradus
