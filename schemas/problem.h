#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "schemas/goal.h"

namespace gradus {

// One line of a problem file. `answer` is the gold answer as text, "" where the goal is another.
struct Problem {
  std::string id;
  std::string problem;
  std::string answer;
  std::string level;   // "" when the file has none; numbers are kept as their text.
  std::string source;  // e.g. "synthetic": the < 50 % filter looks at it.
  std::vector<std::string> allowed_steps;  // Empty: any step. Enforced on the syntax tree.
  Goal goal = AnswerGoal{answer};          // What a verifier judges by.
};

// JSON lines `{id, problem, answer, level?, source?, allowed_steps?, goal?, …}`; other keys are
// kept out of the program and ignored. `answer` may be missing beside a goal that is no answer;
// beside one that is, both say the same. Throws Error with file and line: bad JSON, bad UTF-8,
// missing or empty id, problem or answer, a goal that is none, wrong type, duplicate id, empty
// file.
std::vector<Problem> LoadProblems(const std::filesystem::path& path);

// One worked solution for the bootstrap: JSON lines `{id, problem, answer, solution, level?}`;
// `solution` is the response text in the environment's own grammar (markers included).
struct Demonstration {
  Problem problem;
  std::string solution;
};
std::vector<Demonstration> LoadDemonstrations(const std::filesystem::path& path);

}  // namespace gradus
