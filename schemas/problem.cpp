#include "schemas/problem.h"

#include <unordered_map>

#include "schemas/base/error.h"
#include "schemas/json_line.h"

namespace gradus {
namespace {

Goal ReadGoal(const std::string& goal, const std::string& where) try {
  return ParseGoal(goal);
} catch (const Error& error) {
  Fail("{}: {}", where, error.what());
}

Problem ReadProblem(const JsonLine& line, const std::string& where) {
  Problem problem;
  problem.id = line.Text("id");
  problem.problem = line.Text("problem");
  const std::string goal = line.OptionalJson("goal");
  problem.goal = goal.empty() ? AnswerGoal{line.TextOrNumber("answer")} : ReadGoal(goal, where);
  if (const auto* wanted = std::get_if<AnswerGoal>(&problem.goal)) {
    problem.answer = line.TextOrNumber("answer");
    if (problem.answer != wanted->expected) {
      Fail(
          "{}: \"answer\" is '{}' but the goal expects '{}'; write the answer once, without a goal",
          where, problem.answer, wanted->expected);
    }
  } else {
    problem.answer = line.OptionalTextOrNumber("answer");
  }
  problem.level = line.OptionalTextOrNumber("level");
  problem.source = line.OptionalText("source");
  problem.allowed_steps = line.OptionalTexts("allowed_steps");
  return problem;
}

}  // namespace

std::vector<Problem> LoadProblems(const std::filesystem::path& path) {
  std::vector<Problem> problems;
  std::unordered_map<std::string, std::string> seen;
  ForEachJsonLine(path, [&](const JsonLine& line, const std::string& where) {
    problems.push_back(ReadProblem(line, where));
    const auto [first, is_new] = seen.emplace(problems.back().id, where);
    if (!is_new) {
      Fail("{}: id \"{}\" was already used at {}; ids must be unique", where, first->first,
           first->second);
    }
  });
  return problems;
}

// Several solutions of one problem are welcome, so an id may return here.
std::vector<Demonstration> LoadDemonstrations(const std::filesystem::path& path) {
  std::vector<Demonstration> demonstrations;
  ForEachJsonLine(path, [&](const JsonLine& line, const std::string& where) {
    demonstrations.push_back({ReadProblem(line, where), line.Text("solution")});
  });
  return demonstrations;
}

}  // namespace gradus
