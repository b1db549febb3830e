#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "verify/grader.h"

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

Judgement GradeLine(const std::string& text, int line) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) Fail("stdin:{}: not a JSON object", line);
  const std::string gold = ReadText(json, "gold", line);
  const std::string predicted = ReadText(json, "pred", line);
  const std::string kind = json.contains("kind") ? ReadText(json, "kind", line) : "pair";
  if (kind == "text") {
    const std::string answer = ExtractAnswer(predicted);
    // Where to look is a guess of ours: not finding an answer does not make the text wrong.
    if (answer.empty()) return {Verdict::kUnverifiable, "no-answer-found"};
    return Grade(gold, answer);
  }
  if (kind != "pair") Fail("stdin:{}: kind must be 'pair' or 'text', not '{}'", line, kind);
  return Grade(gold, predicted);
}

void GradeStdin() {
  std::string text;
  for (int line = 1; std::getline(std::cin, text); ++line) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    const Judgement judgement = GradeLine(text, line);
    const Json json = {{"verdict", ToString(judgement.verdict)}, {"reason", judgement.reason}};
    const std::string out = json.dump() + "\n";
    std::fwrite(out.data(), 1, out.size(), stdout);
    std::fflush(stdout);
  }
}

}  // namespace

void AddGradeCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "grade",
      "Compares answers: JSON lines {\"gold\",\"pred\"[,\"kind\":\"pair\"|\"text\"]} on "
      "stdin, one verdict a line on stdout, in order");
  command->callback([&exit_code] {
    GradeStdin();
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
