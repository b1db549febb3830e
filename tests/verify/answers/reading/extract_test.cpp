#include "verify/answers/reading/extract.h"

#include <doctest/doctest.h>

#include "verify/answers/grader.h"

using namespace gradus;

namespace {

std::string FoundIn(std::string_view text) { return ExtractFinalAnswer(text).answer; }

}  // namespace

TEST_CASE("The answer of a text is its last box, else what follows 'answer is'") {
  CHECK(ExtractAnswer("so \\boxed{1} but then \\boxed{\\frac{1}{2}}.") == "\\frac{1}{2}");
  CHECK(ExtractAnswer("\\boxed{a\\}b}") == "a\\}b");
  CHECK(ExtractAnswer("\\boxed {3}") == "3");
  CHECK(ExtractAnswer("\\boxed{4} and \\boxed{unfinished") == "4");
  CHECK(ExtractAnswer("The answer is 5. The answer is $6$.") == "6");
  CHECK(ExtractAnswer("The answer is: 1.5 meters\nmore") == "1.5 meters");
  CHECK(ExtractAnswer("Final Answer: -3.5") == "-3.5");
  CHECK(ExtractAnswer("\\boxed{200}. The final answer is $10,455$. I hope it is correct.") ==
        "10,455");
  CHECK(ExtractAnswer("Final Answer: The volume of $ABC$ is 120. I hope it is correct.") == "120");
  CHECK(ExtractAnswer("no result") == "");
  CHECK(ExtractAnswer("") == "");
  CHECK(ExtractAnswer("answer is") == "");
}

TEST_CASE("Neighbouring boxes are one list, others are not") {
  const auto rule = [](const char* text) { return ExtractFinalAnswer(text).rule; };
  CHECK(ExtractAnswer("$\\boxed{1}$ and $\\boxed{2}$") == "1, 2");
  CHECK(ExtractAnswer("$y_1 = \\boxed{1}, y_2 = \\boxed{2}$") == "1, 2");
  CHECK(rule("$\\boxed{1}$ and $\\boxed{2}$") == "boxed-list");
  CHECK(ExtractAnswer("\\boxed{1} is not right, so \\boxed{2}") == "2");
  CHECK(ExtractAnswer("\\boxed{3}\n\n\\boxed{5}") == "5");
  CHECK(ExtractAnswer("\\boxed{3}, \\boxed{3}") == "3");
}

TEST_CASE("A box inside a code fence is no answer") {
  CHECK(FoundIn("\\boxed{7}\n```python\nprint('\\boxed{8}')\n```\n") == "7");
  CHECK(FoundIn("```output\n\\boxed{8}\n12\n```\nnothing else") == "12");
}

TEST_CASE("Without a box or a phrase the last output, formula or number counts") {
  const auto rule = [](const char* text) { return ExtractFinalAnswer(text).rule; };
  CHECK(FoundIn("text\n```output\n3\n40\n```\n") == "40");
  CHECK(rule("text\n```output\n40\n```\n") == "output");
  CHECK(FoundIn("It follows that $x < 5$ holds") == "x < 5");
  CHECK(rule("It follows that $x < 5$ holds") == "math");
  CHECK(FoundIn("the error grows by 100%.") == "100%");
  CHECK(FoundIn("not 10 but -1,000.99 then") == "-1,000.99");
  CHECK(rule("not 10 but 1,000.99") == "number");
  // A search does not label by such a guess.
  CHECK(ExtractAnswer("# the boxed value\na = 1") == "");
}
