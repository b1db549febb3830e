#include "schemas/goal.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"
#include "schemas/base/utf8.h"

namespace gradus {
namespace {

std::string Fault(const std::string& text) {
  try {
    ParseGoal(text);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kBadInput);
    return error.what();
  }
  return "";
}

// Any text a data file may hold: quotes, control characters, zeros, characters of all lengths.
std::string SomeText(Random& random) {
  static const std::vector<std::string> kParts = {
      "a", "\"", "\\", "\n", "\t", "\x01", "\x7f", "é", "日", "🧮", "{}", "null", " ", "theorem"};
  std::string text;
  for (std::uint64_t n = random.Below(8); n > 0; --n) text += kParts[random.Below(kParts.size())];
  if (random.Below(8) == 0) text.push_back('\0');
  return text;
}

Goal SomeGoal(Random& random) {
  switch (random.Below(4)) {
    case 0:
      return AnswerGoal{SomeText(random)};
    case 1: {
      TheoremGoal goal{SomeText(random), SomeText(random), {}};
      for (std::uint64_t n = random.Below(4); n > 0; --n) goal.axioms.push_back(SomeText(random));
      return goal;
    }
    case 2: {
      TestsGoal goal{{}, SomeText(random)};
      for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
        goal.cases.push_back({SomeText(random), SomeText(random)});
      }
      return goal;
    }
    default: {
      static const char* const kValues[] = {"null",  "0",     "-7", "0.25",          "true",
                                            R"("")", "[1,2]", "{}", R"({"a":[{}]})", R"("\u0000")"};
      return ExternalGoal{kValues[random.Below(std::size(kValues))]};
    }
  }
}

}  // namespace

TEST_CASE("A goal survives its JSON, whatever its texts") {
  Random random(5);
  int kinds[4] = {};
  for (int i = 0; i < 500; ++i) {
    const Goal goal = SomeGoal(random);
    const std::string text = ToJsonText(goal);
    CAPTURE(text);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(ParseGoal(text) == goal);
    CHECK(ToJsonText(ParseGoal(text)) == text);
    CHECK(text.find(std::string("\"kind\":\"") + KindOf(goal) + "\"") != std::string::npos);
    ++kinds[goal.index()];
  }
  for (const int count : kinds) CHECK(count > 50);
}

TEST_CASE("A goal's JSON is as its header describes it") {
  CHECK(ParseGoal(R"({"kind": "answer", "expected": "1/2"})") == Goal(AnswerGoal{"1/2"}));
  CHECK(ParseGoal(R"({"kind": "theorem", "statement": "s", "header_sha256": "h"})") ==
        Goal(TheoremGoal{"s", "h", {}}));
  CHECK(ParseGoal(R"({"kind": "tests", "cases": [{"input": "1", "expected": "2"}]})") ==
        Goal(TestsGoal{{{"1", "2"}}, ""}));
  CHECK(ParseGoal(R"({"kind": "external", "goal": {"b": 1, "a": [null]}})") ==
        Goal(ExternalGoal{R"({"a":[null],"b":1})"}));
}

TEST_CASE("What is missing, unknown, given twice or of the wrong type is refused by name") {
  const std::pair<const char*, const char*> table[] = {
      {"", "not valid JSON"},
      {"[]", "not a JSON object"},
      {"null", "not a JSON object"},
      {"\"answer\"", "not a JSON object"},
      {"{", "JSON"},
      {R"({"kind": "answer", "expected": "1"} x)", "JSON"},
      {R"({})", "'kind'"},
      {R"({"kind": 3})", "'kind'"},
      {R"({"kind": "proof"})", "\"proof\""},
      {R"({"kind": "answer"})", "'expected'"},
      {R"({"kind": "answer", "expected": 7})", "'expected'"},
      {R"({"kind": "answer", "expected": null})", "'expected'"},
      {R"({"kind": "answer", "expected": "1", "exected": "2"})", "\"exected\""},
      {R"({"kind": "answer", "expected": "1", "expected": "2"})", "duplicate"},
      {R"({"kind": "theorem", "statement": "s"})", "'header_sha256'"},
      {R"({"kind": "theorem", "header_sha256": "h"})", "'statement'"},
      {R"({"kind": "theorem", "statement": "s", "header_sha256": "h", "axioms": "a"})", "'axioms'"},
      {R"({"kind": "theorem", "statement": "s", "header_sha256": "h", "axioms": [1]})", "'axioms'"},
      {R"({"kind": "theorem", "statement": "s", "header_sha256": "h", "axiom": []})", "\"axiom\""},
      {R"({"kind": "tests"})", "'cases'"},
      {R"({"kind": "tests", "cases": []})", "'cases'"},
      {R"({"kind": "tests", "cases": {"input": "1"}})", "'cases'"},
      {R"({"kind": "tests", "cases": ["1"]})", "case"},
      {R"({"kind": "tests", "cases": [{"input": "1"}]})", "'expected'"},
      {R"({"kind": "tests", "cases": [{"input": 1, "expected": "2"}]})", "'input'"},
      {R"({"kind": "tests", "cases": [{"input": "1", "expected": "2", "x": 1}]})", "\"x\""},
      {R"({"kind": "tests", "cases": [{"input": "1", "expected": "2"}], "comparator": 1})",
       "'comparator'"},
      {R"({"kind": "external"})", "'goal'"},
      {R"({"kind": "external", "goal": 1, "more": 2})", "\"more\""},
  };
  for (const auto& [text, named] : table) {
    CAPTURE(std::string(text));
    const std::string fault = Fault(text);
    CHECK_MESSAGE(fault.find(named) != std::string::npos, fault);
    CHECK(fault.find('\n') == std::string::npos);
  }
}

TEST_CASE("Hostile JSON is one clear error, not a crash") {
  CHECK(Fault("{\"kind\": \"answer\", \"expected\": \"\xff\"}") != "");
  CHECK(Fault("{\"kind\": \"answer\", \"expected\": \"\\ud800\"}") != "");
  CHECK(Fault("{\"kind\": \"external\", \"goal\": " + std::string(100000, '[')) != "");
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  CHECK(Fault("{\"kind\": \"external\", \"goal\": " + deep + "}") != "");
  CHECK(Fault("{\"kind\": \"external\", \"goal\": 1e999}") != "");
  Random random(6);
  const std::string good =
      R"({"kind":"tests","cases":[{"input":"1","expected":"2"}],"comparator":"tokens"})";
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = good;
    for (std::uint64_t n = 1 + random.Below(3); n > 0; --n) {
      bytes[random.Below(bytes.size())] = static_cast<char>(random.Below(256));
    }
    const std::string fault = Fault(bytes);
    CHECK(fault.find('\n') == std::string::npos);
    // Whatever is read is read again alike.
    if (fault.empty()) CHECK(ParseGoal(ToJsonText(ParseGoal(bytes))) == ParseGoal(bytes));
    refused += !fault.empty();
  }
  CHECK(refused > 500);
  CHECK(refused < 2000);
}

TEST_CASE("An error about a hostile name is one line of valid text") {
  for (const char* text : {R"({"kind": "a\nb"})", R"({"kind": "answer", "x\r\ny": 1})"}) {
    const std::string fault = Fault(text);
    CHECK_FALSE(fault.empty());
    CHECK(fault.find('\n') == std::string::npos);
    CHECK(fault.find('\r') == std::string::npos);
  }
}

TEST_CASE("A goal that no JSON can hold is an error where it is written") {
  CHECK_THROWS_AS(ToJsonText(AnswerGoal{"\xff"}), Error);
  CHECK_THROWS_AS(ToJsonText(ExternalGoal{"{"}), Error);
  CHECK_THROWS_AS(ToJsonText(ExternalGoal{""}), Error);
}

}  // namespace gradus
