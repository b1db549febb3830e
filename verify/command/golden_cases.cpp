#include "verify/command/golden_cases.h"

#include "schemas/base/error.h"
#include "schemas/json_line.h"

namespace gradus {
namespace {

RequestMode ReadMode(const JsonLine& line) {
  const std::string mode = line.OptionalText("mode");
  if (mode.empty() || mode == "check") return RequestMode::kCheck;
  if (mode == "step") return RequestMode::kStep;
  Fail("'mode' is step or check, not '{}'", mode);
}

GoldenCase ReadCase(const JsonLine& line, const std::string& where) try {
  GoldenCase one{where, line.Text("name"), {}, {}, {}};
  one.request.mode = ReadMode(line);
  one.request.state.context = line.OptionalText("context");
  one.request.state.steps = line.OptionalTexts("steps");
  one.request.state.answer = line.OptionalText("answer");
  if (const std::string goal = line.OptionalJson("goal"); !goal.empty()) {
    one.request.goal = ParseGoal(goal);
  }
  const std::string end = line.OptionalText("end"), judgement = line.OptionalText("judgement");
  if (!end.empty() && !(one.end = ReadEnd(end))) Fail("unknown end '{}'", end);
  if (!judgement.empty() && !(one.judgement = ReadVerdict(judgement))) {
    Fail("unknown judgement '{}'", judgement);
  }
  if (!one.end && !one.judgement) Fail("a case needs an 'end' or a 'judgement'");
  if (one.judgement && (!one.request.goal || one.request.mode == RequestMode::kStep)) {
    Fail("a judgement needs a goal and the mode check");
  }
  return one;
} catch (const Error& error) {
  const std::string what = error.what();
  Fail("{}", what.starts_with(where) ? what : where + ": " + what);
}

}  // namespace

std::vector<GoldenCase> LoadGoldenCases(const std::filesystem::path& path) {
  std::vector<GoldenCase> cases;
  ForEachJsonLine(path, [&](const JsonLine& line, const std::string& where) {
    cases.push_back(ReadCase(line, where));
  });
  return cases;
}

}  // namespace gradus
