#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "verify/command/protocol.h"

namespace gradus {

// A case whose end a checker must find.
struct GoldenCase {
  std::string where, name;  // "FILE:LINE".
  CheckerRequest request;   // Its limits are the caller's to set.
  std::optional<End> end;
  std::optional<Verdict> judgement;
};

// JSON lines {"name", "mode"?, "context"?, "steps"?, "answer"?, "goal"?, "end"?, "judgement"?}:
// what a request says, and what must come of it, at least one of the last two. Throws Error with
// file and line.
std::vector<GoldenCase> LoadGoldenCases(const std::filesystem::path& path);

}  // namespace gradus
