#include "schemas/problem.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "tests/fakes/shared_data.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

// Loads a problem file of these bytes.
std::vector<Problem> Load(const std::string& bytes) {
  TempFolder folder;
  WriteBytes(folder.path() / "set.jsonl", bytes);
  return LoadProblems(folder.path() / "set.jsonl");
}

// The message that loading these bytes gives; "" when it works.
std::string Fault(const std::string& bytes) {
  try {
    Load(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool Contains(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

const std::string kGood = R"({"id": "a", "problem": "1 + 1?", "answer": "2"})";

}  // namespace

TEST_CASE("A problem line gives its fields, and other keys are ignored") {
  const std::vector<Problem> problems = Load(
      R"({"id": "a", "problem": "1 + 1?", "answer": "2", "level": "Level 3", "source": "synthetic",)"
      R"( "allowed_steps": ["add", "mul"], "extra": {"deep": [1, {"id": "no"}]}, "more": [1, "x"]})"
      "\r\n\n"
      R"({"id": "b", "problem": "Σ", "answer": -7, "level": 4, "source": null})");
  REQUIRE(problems.size() == 2);
  CHECK(problems[0].id == "a");
  CHECK(problems[0].level == "Level 3");
  CHECK(problems[0].source == "synthetic");
  CHECK(problems[0].allowed_steps == std::vector<std::string>{"add", "mul"});
  CHECK(problems[1].problem == "Σ");
  CHECK(problems[1].answer == "-7");
  CHECK(problems[1].level == "4");
  CHECK(problems[1].source.empty());
}

TEST_CASE("Numbers keep the digits they were written with") {
  const auto answer = [](const std::string& number) {
    return Load(R"({"id": "a", "problem": "p", "answer": )" + number + "}")[0].answer;
  };
  CHECK(answer("72") == "72");
  CHECK(answer("0.10") == "0.10");
  CHECK(answer("1e5") == "1e5");
  CHECK(answer("123456789012345678901234567890") == "123456789012345678901234567890");
  CHECK(answer("-18446744073709551615") == "-18446744073709551615");
}

TEST_CASE("Every malformed line is an error with file and line") {
  const auto second = [](const std::string& line) { return Fault(kGood + "\n" + line + "\n"); };
  for (const char* line :
       {R"({"id": "b")",
        R"(nonsense)",
        R"([1])",
        R"("text")",
        R"(3)",
        R"(null)",
        R"({"id": "b", "problem": "p", "answer": "1"} trailing)",
        R"({"problem": "p", "answer": "1"})",
        R"({"id": "b", "answer": "1"})",
        R"({"id": "b", "problem": "p"})",
        R"({"id": "b", "problem": "p", "answer": null})",
        R"({"id": "", "problem": "p", "answer": "1"})",
        R"({"id": "b", "problem": " ", "answer": "1"})",
        R"({"id": "b", "problem": "p", "answer": ""})",
        R"({"id": 7, "problem": "p", "answer": "1"})",
        R"({"id": "b", "problem": ["p"], "answer": "1"})",
        R"({"id": "b", "problem": "p", "answer": true})",
        R"({"id": "b", "problem": "p", "answer": ["1"]})",
        R"({"id": "b", "problem": "p", "answer": "1", "level": [3]})",
        R"({"id": "b", "problem": "p", "answer": "1", "source": 3})",
        R"({"id": "b", "problem": "p", "answer": "1", "allowed_steps": "add"})",
        R"({"id": "b", "problem": "p", "answer": "1", "allowed_steps": ["add", 1]})",
        R"({"id": "b", "problem": "p", "answer": "1", "allowed_steps": ["add", ["x"]]})",
        R"({"id": "b", "problem": "p", "answer": "1", "answer": "2"})"}) {
    CAPTURE(line);
    CHECK(Contains(second(line), "set.jsonl:2: "));
  }
  CHECK(Contains(second("{\"id\": \"b\xff\", \"problem\": \"p\", \"answer\": \"1\"}"), "UTF-8"));
  CHECK(Contains(second("{\"id\": \"b\xff\", \"problem\": \"p\", \"answer\": \"1\"}"), ":2: "));
  CHECK(Contains(second("{\"id\": \"b\", \"problem\": \"p\", \"answer\": \"\\ud800\"}"), ":2: "));
  CHECK(Contains(second(std::string(100000, '[')), ":2: "));
  CHECK(Contains(second("{\"x\":" + std::string(100000, '[')), ":2: "));
  CHECK(Contains(Fault(R"({"id": "b", "problem": "p"})"), "\"answer\" is missing"));
}

TEST_CASE("A problem's goal is its answer, unless the line names another") {
  const std::vector<Problem> problems = Load(
      kGood + "\n" +
      R"({"id": "b", "problem": "p", "answer": 7, "goal": {"kind": "answer", "expected": "7"}})"
      "\n"
      R"({"id": "c", "problem": "p", "goal": {"kind": "external", "goal": {"n": [1, {"m": null}]}}})"
      "\n"
      R"({"id": "d", "problem": "p", "answer": "x", "goal": {"kind": "theorem", "statement": "1=1",)"
      R"( "header_sha256": "00", "axioms": ["choice"]}})"
      "\n"
      R"({"id": "e", "problem": "p", "answer": "1", "goal": null})");
  CHECK(problems[0].goal == Goal(AnswerGoal{"2"}));
  CHECK(problems[1].goal == Goal(AnswerGoal{"7"}));
  CHECK(problems[2].goal == Goal(ExternalGoal{R"({"n":[1,{"m":null}]})"}));
  CHECK(problems[2].answer.empty());
  CHECK(problems[3].goal == Goal(TheoremGoal{"1=1", "00", {"choice"}}));
  CHECK(problems[3].answer == "x");
  CHECK(problems[4].goal == Goal(AnswerGoal{"1"}));
}

TEST_CASE("A goal that is none is an error with file and line") {
  const auto fault = [](const std::string& goal, const std::string& answer = "") {
    return Fault(R"({"id": "b", "problem": "p", )" + answer + R"("goal": )" + goal + "}");
  };
  for (const char* goal :
       {"7", "\"answer\"", "[]", "{}", "true", R"({"kind": 3})", R"({"kind": "guess"})",
        R"({"kind": "answer"})", R"({"kind": "answer", "expected": 7})",
        R"({"kind": "answer", "expected": "7", "more": 1})", R"({"kind": "external"})",
        R"({"kind": "theorem", "statement": "s"})",
        R"({"kind": "theorem", "statement": "s", "header_sha256": "", "axioms": "choice"})",
        R"({"kind": "theorem", "statement": "s", "header_sha256": "", "axioms": [1]})",
        R"({"kind": "tests", "cases": []})", R"({"kind": "tests", "cases": [{"input": ""}]})",
        R"({"kind": "tests", "cases": [{"input": "", "expected": "", "x": 1}]})"}) {
    CAPTURE(goal);
    CHECK(Contains(fault(goal), "set.jsonl:1: "));
  }
  const std::string deep(5000, '[');
  CHECK(Contains(fault(R"({"kind": "external", "goal": )" + deep), "nested too deeply"));
  // An answer goal beside its answer: both must be there and say the same.
  CHECK(Contains(fault(R"({"kind": "answer", "expected": "7"})"), "\"answer\" is missing"));
  CHECK(Contains(fault(R"({"kind": "answer", "expected": "7"})", R"("answer": "8", )"),
                 "set.jsonl:1: \"answer\" is '8' but the goal expects '7'"));
}

TEST_CASE("A duplicate id names both lines") {
  const std::string fault = Fault(kGood + "\n\n" + kGood + "\n");
  CHECK(Contains(fault, "set.jsonl:3: "));
  CHECK(Contains(fault, "set.jsonl:1"));
  CHECK(Contains(fault, "\"a\""));
}

TEST_CASE("Empty and missing files are errors") {
  CHECK(Contains(Fault(""), "empty"));
  CHECK(Contains(Fault("\n \n"), "empty"));
  CHECK_THROWS_AS(LoadProblems("/nonexistent/set.jsonl"), Error);
}

TEST_CASE("Loading survives random damage, with one line of message") {
  Random random(3);
  for (int attempt = 0; attempt < 300; ++attempt) {
    std::string bytes = kGood + "\n";
    for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    CHECK_FALSE(Contains(Fault(bytes), "\n"));
  }
}

TEST_CASE("Demonstrations carry their solution, and a problem may have several") {
  TempFolder folder;
  const fs::path path = folder.path() / "d.jsonl";
  WriteBytes(path, R"({"id": "a", "problem": "p", "answer": 2, "solution": "x"})"
                   "\n"
                   R"({"id": "a", "problem": "p", "answer": 2, "solution": "y"})");
  const std::vector<Demonstration> demonstrations = LoadDemonstrations(path);
  REQUIRE(demonstrations.size() == 2);
  CHECK(demonstrations[1].solution == "y");
  CHECK(demonstrations[1].problem.answer == "2");
  WriteBytes(path, kGood);
  CHECK_THROWS_AS(LoadDemonstrations(path), Error);
}

TEST_CASE("The public problem sets load as they are" * doctest::test_suite("needs data")) {
  if (SharedLinesOrSkip("gsm8k_train.jsonl").empty()) return;
  const std::vector<std::pair<const char*, std::size_t>> sets = {
      {"gsm8k_train", 7473}, {"gsm8k_test", 1319},  {"gsm_hard_test", 1319},    {"svamp", 1000},
      {"aqua_test", 254},    {"tora_traces", 1320}, {"college_math_test", 1408}};
  for (const auto& [name, rows] : sets) {
    CHECK(LoadProblems(SharedFile(std::string(name) + ".jsonl")).size() == rows);
  }
  std::string message;
  try {
    LoadProblems(SharedFile("minif2f_lean4.jsonl"));
  } catch (const Error& error) {
    message = error.what();
  }
  CHECK(Contains(message, "minif2f_lean4.jsonl:1: key \"problem\" is missing"));
  CHECK(Contains(message, "formal_statement"));
}

}  // namespace gradus
