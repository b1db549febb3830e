#include "verify/answers/reading/extract.h"

#include <doctest/doctest.h>

#include "verify/answers/grader.h"

using namespace gradus;

namespace {

Extracted Found(std::string_view text, Places places) { return ExtractFinalAnswer(text, places); }
std::string FoundIn(std::string_view text) { return Found(text, Places::kAnywhere).answer; }
std::string StatedIn(std::string_view text) { return Found(text, Places::kStated).answer; }

}  // namespace

TEST_CASE("The answer of a text is its last box, else what follows 'answer is'") {
  CHECK(ExtractAnswer("so \\boxed{1} but then \\boxed{\\frac{1}{2}}.") == "\\frac{1}{2}");
  CHECK(ExtractAnswer("\\boxed{a\\}b}") == "a\\}b");
  CHECK(ExtractAnswer("\\boxed {3}") == "3");
  CHECK(ExtractAnswer("\\boxed{4} and \\boxed{unfinished") == "");
  CHECK(ExtractAnswer("\\boxed{unfinished") == "");
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
  const auto rule = [](const char* text) { return Found(text, Places::kAnywhere).rule; };
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
  const auto rule = [](const char* text) { return Found(text, Places::kAnywhere).rule; };
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

TEST_CASE("The last announcement counts, unless it is denied") {
  CHECK(ExtractAnswer("First \\boxed{3} for the base.\n\n**Answer: 7**") == "7");
  CHECK(ExtractAnswer("\\boxed{5} is wrong; the answer is 6") == "6");
  CHECK(ExtractAnswer("\\boxed{5} is wrong.") == "");
  CHECK(ExtractAnswer("It is not \\boxed{5}") == "");
  CHECK(ExtractAnswer("\\boxed{5}. This answer is correct.") == "5");
  CHECK(ExtractAnswer("The answer is not 7. So x = 5.") == "");
  CHECK(ExtractAnswer("Twice the answer is 8") == "");
  CHECK(ExtractAnswer("The answer is 5, since 5 > 3.") == "5");
  CHECK(ExtractAnswer("The answer is $5$ because $2+3$") == "5");
  CHECK(ExtractAnswer("The answer is 5 (not 7).") == "5");
}

TEST_CASE("Tags hold an answer, thoughts hold none") {
  CHECK(ExtractAnswer("<answer>\\frac{1}{2}</answer>") == "\\frac{1}{2}");
  CHECK(ExtractAnswer("<answer>so \\boxed{42}</answer>") == "42");
  CHECK(ExtractAnswer("<think>maybe \\boxed{8}</think>\nThe answer is \\boxed{9}") == "9");
  CHECK(ExtractAnswer("<think>Perhaps it is \\boxed{9}, but") == "");
}

TEST_CASE("A sentence states the one value in it, unless it is doubted or the writer gave up") {
  CHECK(StatedIn("The house costs her $1,250.00.") == "1,250.00");
  CHECK(StatedIn("Thus the probability is $\\frac{3}{4}$.") == "\\frac{3}{4}");
  CHECK(StatedIn("Comparing, (A) fails and (C) fails, therefore B") == "B");
  CHECK(StatedIn("I cannot solve this. There are 5 cases.") == "");
  CHECK(StatedIn("We tried, and it is not 5.") == "");
  CHECK(StatedIn("Then x could be 5.") == "");
  CHECK(StatedIn("\\boxed{5") == "");
}
