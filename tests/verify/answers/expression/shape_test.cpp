#include "verify/answers/expression/shape.h"

#include <doctest/doctest.h>

#include "tests/verify/answers/expression/parsed.h"
#include "tests/verify/answers/grader_table.h"

using namespace gradus;

namespace {

std::string Text(const ExprPtr& expr) { return CanonicalText(*expr); }
std::string TextOf(std::string_view answer) { return Text(Parsed(answer)); }

// "name=value" of each element, sorted as they come.
std::vector<std::string> Elements(std::string_view answer) {
  std::vector<std::string> texts;
  for (const NamedValue& one : ElementsOf(Parsed(answer))) {
    texts.push_back((one.name.empty() ? "" : one.name + "=") + Text(one.value));
  }
  return texts;
}

std::vector<std::string> Texts(std::initializer_list<const char*> answers) {
  std::vector<std::string> texts;
  for (const char* answer : answers) texts.push_back(TextOf(answer));
  return texts;
}

}  // namespace

TEST_CASE("Assignments, chains and approximations give their value") {
  const AnswerPair pairs[] = {
      {"x = 5", "5"},
      {"f(x) = 2x", "2x"},
      {"(p,q) = (1,2)", "(1,2)"},
      {"AB = 5", "5"},
      {"\\frac{NO}{BO} = 5", "5"},
      {"A:B = 5", "5"},
      {"x = 2+3 = 5", "5"},
      {"x = 1/3 \\approx 0.33", "1/3"},
      {"x \\approx 11", "11"},
      {"x \\in [1,2]", "[1,2]"},
      {"2+3 = 5", "5"},
  };
  for (const auto& [text, value] : pairs) {
    CAPTURE(std::string(text));
    REQUIRE(Parsed(text));
    CHECK(Text(Unwrapped(Parsed(text)).value) == TextOf(value));
  }
  CHECK(Unwrapped(Parsed("x = 5")).name == TextOf("x"));
  CHECK(Unwrapped(Parsed("5")).name == "");
}

TEST_CASE("Equations and inequalities are not taken apart") {
  for (const char* equation : {"2x + z = 1", "x^2 = 4", "x = 2x - 3", "x > 5", "1 < x < 2",
                               "x \\ne 3", "x + 1 \\in [1,2]"}) {
    CAPTURE(std::string(equation));
    const NamedValue whole = Unwrapped(Parsed(equation));
    CHECK(Text(whole.value) == TextOf(equation));
    CHECK(whole.name == "");
  }
}

TEST_CASE("Taking the value out of a value changes nothing more") {
  for (const char* text : {"x = 5", "f(x) = 2x", "x = 2+3 = 5", "x \\in [1,2]", "(p,q) = (1,2)",
                           "x^2 = 4", "7", "\\{1,2\\}"}) {
    CAPTURE(std::string(text));
    const ExprPtr once = Unwrapped(Parsed(text)).value;
    CHECK(Text(Unwrapped(once).value) == Text(once));
  }
}

TEST_CASE("Plus-minus stands for two values whose signs move together") {
  const auto two = SignsExpanded(Parsed("1 \\pm \\sqrt{2} \\mp x"));
  REQUIRE(two.size() == 2);
  CHECK(Text(two[0]) == TextOf("1+\\sqrt{2}-x"));
  CHECK(Text(two[1]) == TextOf("1-\\sqrt{2}+x"));
  const auto alone = SignsExpanded(Parsed("\\pm 3"));
  REQUIRE(alone.size() == 2);
  CHECK(Text(alone[0]) == TextOf("3"));
  CHECK(Text(alone[1]) == TextOf("-3"));
  // Two signs are one choice, not two.
  CHECK(SignsExpanded(Parsed("\\pm 1 \\pm x")).size() == 2);
  CHECK(SignsExpanded(Parsed("(1 \\pm x, 2 \\pm y)")).size() == 2);
  for (const char* plain : {"5", "-x", "x-1", "(1,-2)"}) {
    const auto one = SignsExpanded(Parsed(plain));
    REQUIRE(one.size() == 1);
    CHECK(Text(one[0]) == TextOf(plain));
  }
}

TEST_CASE("Elements come one by one, unwrapped, with both signs and their names") {
  CHECK(Elements("1, 2, 3") == Texts({"1", "2", "3"}));
  CHECK(Elements("(3, 1)") == Texts({"3", "1"}));
  CHECK(Elements("\\{2, 2\\}") == Texts({"2", "2"}));
  CHECK(Elements("-3, \\pm 2") == Texts({"-3", "2", "-2"}));
  CHECK(Elements("5") == Texts({"5"}));
  CHECK(Elements("\\pm 5") == Texts({"5", "-5"}));
  CHECK(Elements("x=1, y=2") == std::vector<std::string>{"x=1", "y=2"});
  CHECK(Elements("[1, 2)") == Texts({"1", "2"}));
  CHECK(Elements("\\emptyset").empty());
}

TEST_CASE("A chain of relations is its neighbours two by two") {
  const auto simple = SimpleRelations(*Parsed("1 < x \\le y"));
  REQUIRE(simple.size() == 2);
  CHECK(Text(simple[0]) == TextOf("1 < x"));
  CHECK(Text(simple[1]) == TextOf("x \\le y"));
  REQUIRE(SimpleRelations(*Parsed("x = 5")).size() == 1);
  CHECK(Text(SimpleRelations(*Parsed("x = 5"))[0]) == TextOf("x = 5"));
}

TEST_CASE("A quantity is its number, whether it is in per cent, and its unit") {
  const Quantity percent = QuantityOf(Parsed("50\\%"));
  CHECK(percent.percent);
  CHECK(Text(percent.body) == "50");
  const Quantity length = QuantityOf(Parsed("5 \\text{ cm}"));
  CHECK_FALSE(length.percent);
  CHECK(Text(length.body) == "5");
  CHECK(length.unit != "");
  CHECK(length.unit == QuantityOf(Parsed("7 cm")).unit);
  CHECK(QuantityOf(Parsed("5 \\text{ m}")).unit != length.unit);
  CHECK(QuantityOf(Parsed("12 \\text{ units}")).unit == "");
  const Quantity plain = QuantityOf(Parsed("x+1"));
  CHECK(plain.unit == "");
  CHECK(Text(plain.body) == TextOf("x+1"));
}
