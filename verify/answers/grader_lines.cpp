#include "verify/answers/grader_lines.h"

#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "verify/answers/reading/extract.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// A string, or an integer as it was written.
std::string ReadText(const Json& json, const char* key, int line) {
  const auto found = json.find(key);
  if (found == json.end()) Fail("stdin:{}: no key '{}'", line, key);
  if (found->is_string()) return found->get<std::string>();
  if (found->is_number_integer()) return found->dump();
  Fail("stdin:{}: '{}' must be a string", line, key);
}

Tolerance ReadTolerance(const Json& json, int line) {
  Tolerance tolerance;
  const auto opts = json.find("opts");
  if (opts == json.end() || opts->is_null()) return tolerance;
  if (!opts->is_object()) Fail("stdin:{}: 'opts' must be an object", line);
  try {
    if (opts->contains("round_digits")) tolerance.round_digits = (*opts)["round_digits"].get<int>();
    if (const auto abs_tol = opts->find("abs_tol"); abs_tol != opts->end()) {
      tolerance.absolute = abs_tol->is_number() ? std::vector<double>{abs_tol->get<double>()}
                                                : abs_tol->get<std::vector<double>>();
    }
    tolerance.relation_for_set = opts->value("allow_set_relation_comp", false);
  } catch (const Json::exception& e) {
    Fail("stdin:{}: opts: {}", line, e.what());
  }
  return tolerance;
}

// Where the answer may be looked for: a row that names ways of extraction allows guesses.
Places ReadPlaces(const Json& json, const std::string& kind) {
  const auto opts = json.find("opts");
  if (opts != json.end() && opts->is_object() && opts->contains("extract"))
    return Places::kAnywhere;
  return kind == "text" ? Places::kStated : Places::kAnnounced;
}

}  // namespace

NativeGrade GradeLine(const std::string& text, int line, GraderMode mode) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) Fail("stdin:{}: not a JSON object", line);
  const std::string gold = ReadText(json, "gold", line);
  const std::string predicted = ReadText(json, "pred", line);
  const std::string kind = json.contains("kind") ? ReadText(json, "kind", line) : "pair";
  if (kind != "pair" && kind != "text") {
    Fail("stdin:{}: kind must be 'pair' or 'text', not '{}'", line, kind);
  }
  const GradeOptions options{mode, ReadTolerance(json, line)};
  const Places places = ReadPlaces(json, kind);
  if (kind == "pair") {
    const NativeGrade grade = GradeNatively(ReadGold(gold), predicted, options);
    const bool found =
        places == Places::kAnnounced || grade.judgement.reason != "prediction-unreadable";
    if (found) return grade;
  }
  const std::string answer = ExtractFinalAnswer(predicted, places).answer;
  // Where to look is a guess of ours: not finding an answer does not make the text wrong.
  if (answer.empty()) return {{Verdict::kUnverifiable, "no-answer-found"}, ""};
  return GradeNatively(ReadGold(gold), answer, options);
}

GoldReport CheckGoldLines(std::istream& lines, std::string_view name) {
  GoldReport report;
  int number = 0;
  for (std::string text; std::getline(lines, text);) {
    ++number;
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) Fail("{}:{}: not a JSON object", name, number);
    const auto answer = json.find("answer");
    if (answer == json.end()) continue;
    if (!answer->is_string()) Fail("{}:{}: 'answer' must be a string", name, number);
    ++report.golds;
    const GoldAnswer gold = ReadGold(answer->get<std::string>());
    const std::string problem = GoldProblem(gold);
    if (!problem.empty()) report.bad.push_back({json.value("id", ""), gold.text, problem});
  }
  return report;
}

}  // namespace gradus
