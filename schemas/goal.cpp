#include "schemas/goal.h"

#include <nlohmann/json.hpp>
#include <set>

#include "schemas/base/error.h"
#include "schemas/base/strict_json.h"

namespace gradus {
namespace {

using nlohmann::json;

json ToJson(const AnswerGoal& goal) { return {{"kind", "answer"}, {"expected", goal.expected}}; }

json ToJson(const TheoremGoal& goal) {
  return {{"kind", "theorem"},
          {"statement", goal.statement},
          {"header_sha256", goal.header_sha256},
          {"axioms", goal.axioms}};
}

json ToJson(const TestsGoal& goal) {
  json cases = json::array();
  for (const TestCase& one : goal.cases) {
    cases.push_back({{"input", one.input}, {"expected", one.expected}});
  }
  return {{"kind", "tests"}, {"cases", cases}, {"comparator", goal.comparator}};
}

json ToJson(const ExternalGoal& goal) {
  return {{"kind", "external"}, {"goal", json::parse(goal.json)}};
}

void CheckKeys(const json& j, const std::set<std::string>& known) {
  for (const auto& [key, value] : j.items()) {
    if (!known.contains(key)) Fail("a goal has no field {}", json(key).dump());
  }
}

std::string TextAt(const json& j, const char* key) {
  const auto found = j.find(key);
  if (found == j.end()) Fail("the goal lacks '{}'", key);
  if (!found->is_string()) Fail("the goal's '{}' is not text", key);
  return found->get<std::string>();
}

TheoremGoal ParseTheorem(const json& j) {
  CheckKeys(j, {"kind", "statement", "header_sha256", "axioms"});
  TheoremGoal goal{TextAt(j, "statement"), TextAt(j, "header_sha256"), {}};
  if (!j.contains("axioms")) return goal;
  if (!j["axioms"].is_array()) Fail("the goal's 'axioms' is not a list");
  for (const json& axiom : j["axioms"]) {
    if (!axiom.is_string()) Fail("the goal's 'axioms' holds something that is not text");
    goal.axioms.push_back(axiom);
  }
  return goal;
}

TestsGoal ParseTests(const json& j) {
  CheckKeys(j, {"kind", "cases", "comparator"});
  TestsGoal goal;
  if (!j.contains("cases") || !j["cases"].is_array() || j["cases"].empty()) {
    Fail("the goal's 'cases' is not a list of at least one");
  }
  for (const json& one : j["cases"]) {
    if (!one.is_object()) Fail("a case of the goal is no object");
    CheckKeys(one, {"input", "expected"});
    goal.cases.push_back({TextAt(one, "input"), TextAt(one, "expected")});
  }
  if (j.contains("comparator")) goal.comparator = TextAt(j, "comparator");
  return goal;
}

}  // namespace

const char* KindOf(const Goal& goal) {
  constexpr const char* kKinds[] = {"answer", "theorem", "tests", "external"};
  return kKinds[goal.index()];
}

std::string ToJsonText(const Goal& goal) {
  try {
    return std::visit([](const auto& one) { return ToJson(one).dump(); }, goal);
  } catch (const json::exception& error) {
    Fail("the goal cannot be written as JSON ({})", error.what());
  }
}

Goal ParseGoal(const std::string& json_text) {
  const json j = ParseStrictJson(json_text, "the goal");
  const std::string kind = TextAt(j, "kind");
  if (kind == "theorem") return ParseTheorem(j);
  if (kind == "tests") return ParseTests(j);
  if (kind == "answer") {
    CheckKeys(j, {"kind", "expected"});
    return AnswerGoal{TextAt(j, "expected")};
  }
  if (kind == "external") {
    CheckKeys(j, {"kind", "goal"});
    if (!j.contains("goal")) Fail("the goal lacks 'goal'");
    return ExternalGoal{j["goal"].dump()};
  }
  Fail("unknown kind of goal {}; known: answer, theorem, tests, external", json(kind).dump());
}

}  // namespace gradus
