#pragma once
#include <string>
#include <variant>
#include <vector>

namespace gradus {

// What a candidate has to reach; a verifier judges by it.

// A final answer equal to this one.
struct AnswerGoal {
  std::string expected;
  bool operator==(const AnswerGoal&) const = default;
};

// A proof of `statement` after the header with this digest, that rests on no other axioms.
struct TheoremGoal {
  std::string statement;
  std::string header_sha256;
  std::vector<std::string> axioms;
  bool operator==(const TheoremGoal&) const = default;
};

// A program that answers each input as expected.
struct TestCase {
  std::string input;     // On stdin.
  std::string expected;  // On stdout.
  bool operator==(const TestCase&) const = default;
};
struct TestsGoal {
  std::vector<TestCase> cases;
  std::string comparator;  // How outputs are compared, e.g. "tokens"; the verifier's own words.
  bool operator==(const TestsGoal&) const = default;
};

// Something only the user's own checker understands: any JSON value, as text.
struct ExternalGoal {
  std::string json;
  bool operator==(const ExternalGoal&) const = default;
};

using Goal = std::variant<AnswerGoal, TheoremGoal, TestsGoal, ExternalGoal>;

// "answer", "theorem", "tests", "external".
const char* KindOf(const Goal& goal);

// {"kind":"answer","expected":…}, {"kind":"theorem","statement":…,"header_sha256":…,"axioms":[…]},
// {"kind":"tests","cases":[{"input":…,"expected":…}],"comparator":…}, {"kind":"external","goal":…}.
// Throws Error for what no JSON can hold: bytes that are no UTF-8, an external goal that is no
// JSON.
std::string ToJsonText(const Goal& goal);
// Throws Error naming what is missing, unknown, given twice or of the wrong type.
Goal ParseGoal(const std::string& json_text);

}  // namespace gradus
