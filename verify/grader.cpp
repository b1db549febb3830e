#include "verify/grader.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>
#include <optional>
#include <vector>

#include "verify/answer_tokens.h"
#include "verify/rational.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxLength = 1u << 17;
constexpr std::string_view kBox = "\\boxed";
constexpr int kDoubleDigits = 15;  // From here on a decimal is the print of a binary float.

struct Answer {
  std::string normal;
  std::optional<NumberAnswer> number;
};

// Content of the last complete box. One pass, whatever the nesting.
std::optional<std::string_view> LastBox(std::string_view text) {
  std::vector<std::size_t> open;  // Start of a box's content, or 0 for another brace.
  std::optional<std::string_view> last;
  std::size_t last_start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(kBox)) {
      i += kBox.size();
      while (i < text.size() && text[i] == ' ') ++i;
      if (i >= text.size()) break;
      if (text[i] == '{') open.push_back(i + 1);
    } else if (text[i] == '\\') {
      // An escaped brace; but "\\boxed" of a text that was escaped twice is a box.
      if (!text.substr(i + 1).starts_with(kBox)) ++i;
    } else if (text[i] == '{') {
      open.push_back(0);
    } else if (text[i] == '}' && !open.empty()) {
      const std::size_t start = open.back();
      open.pop_back();
      if (start > last_start) {
        last_start = start;
        last = text.substr(start, i - start);
      }
    }
  }
  return last;
}

// "The distance is $\boxed{5}$" is an answer with words around it; of several boxes none is chosen.
std::string_view OnlyBox(std::string_view text) {
  const std::size_t first = text.find(kBox);
  if (first == std::string_view::npos || text.rfind(kBox) != first) return text;
  return LastBox(text).value_or(text);
}

Answer ReadAnswer(std::string_view text) {
  const auto tokens = TokenizeAnswer(UnwrapAnswer(OnlyBox(text)));
  return {NormalText(tokens), ReadNumber(tokens)};
}

// "N%" equals N and N/100; numbers without the sign never differ by a factor of 100.
bool SameValue(const NumberAnswer& a, const NumberAnswer& b) {
  if (a.value == b.value) return true;
  if (a.percent == b.percent) return false;
  return a.percent ? a.value / 100 == b.value : a.value == b.value / 100;
}

// A program that computes in floats prints 59.99999999999999 for 60: with 15 digits or more shown,
// a relative difference of 1e-12 is the rounding of the machine, not another answer.
bool SameButRounding(const NumberAnswer& gold, const NumberAnswer& predicted) {
  if (predicted.significant_digits < kDoubleDigits) return false;
  static const mpq_class kTolerance("1/1000000000000");
  return abs(gold.value - predicted.value) <= abs(gold.value) * kTolerance;
}

Judgement CompareNumbers(const NumberAnswer& gold, const NumberAnswer& predicted) {
  const bool units = !gold.unit.empty() && !predicted.unit.empty() && gold.unit != predicted.unit;
  const bool variables =
      !gold.variable.empty() && !predicted.variable.empty() && gold.variable != predicted.variable;
  // 5 m against 500 cm: deciding needs a table of units.
  if (units) return {Verdict::kUnverifiable, "different-units"};
  if (variables) return {Verdict::kUnverifiable, "different-variables"};
  if (SameValue(gold, predicted)) return {Verdict::kCorrect, "exact-rational"};
  if (SameButRounding(gold, predicted)) return {Verdict::kCorrect, "float-rounding"};
  return {Verdict::kWrong, "exact-rational"};
}

// The letter of a multiple-choice answer, "(B)", "B." or "B", or 0.
char Choice(std::string_view normal) {
  if (normal.size() == 3 && normal[0] == '(' && normal[2] == ')') normal = normal.substr(1, 1);
  return normal.size() == 1 && normal[0] >= 'A' && normal[0] <= 'E' ? normal[0] : '\0';
}

bool IsProse(std::string_view text) {
  return text.size() > 1 && std::all_of(text.begin(), text.end(), [](char c) {
           return std::isalpha(static_cast<unsigned char>(c)) || c == ' ';
         });
}

bool SameText(std::string_view a, std::string_view b) {
  if (a == b) return true;
  if (!IsProse(a) || !IsProse(b)) return false;
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

std::string LowerCase(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Position behind the last of the phrases (lower case) in a text, or 0.
std::size_t AfterLast(const std::string& text, std::initializer_list<std::string_view> phrases) {
  std::size_t after = 0;
  for (std::string_view phrase : phrases) {
    const std::size_t found = text.rfind(phrase);
    if (found != std::string::npos) after = std::max(after, found + phrase.size());
  }
  return after;
}

// The rest of the sentence.
std::string_view Sentence(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n:");
  if (begin == std::string_view::npos) return "";
  text = text.substr(begin);
  text = text.substr(0, text.find('\n'));
  return text.substr(0, text.find(". "));
}

}  // namespace

Judgement Grade(std::string_view gold, std::string_view predicted) {
  if (UnwrapAnswer(gold).empty()) return {Verdict::kUnverifiable, "gold-unreadable"};
  if (UnwrapAnswer(predicted).empty()) return {Verdict::kWrong, "no-answer"};
  if (gold == predicted) return {Verdict::kCorrect, "identical"};
  if (std::max(gold.size(), predicted.size()) > kMaxLength) {
    return {Verdict::kUnverifiable, "too-long"};
  }
  const Answer a = ReadAnswer(gold), b = ReadAnswer(predicted);
  if (a.number && b.number) return CompareNumbers(*a.number, *b.number);
  if (a.number || b.number) return {Verdict::kUnverifiable, "not-a-number"};
  if (SameText(a.normal, b.normal)) return {Verdict::kCorrect, "same-text"};
  if (const char x = Choice(a.normal), y = Choice(b.normal); x && y) {
    return {x == y ? Verdict::kCorrect : Verdict::kWrong, "choice"};
  }
  return {Verdict::kUnverifiable, "undecided"};
}

std::string ExtractAnswer(std::string_view text) {
  const std::string lower = LowerCase(text);
  const auto box = LastBox(text);
  if (box) {
    // A box may hold an intermediate result that a later sentence supersedes.
    const auto box_end = static_cast<std::size_t>(box->data() - text.data()) + box->size();
    const std::size_t final = AfterLast(lower, {"final answer is"});
    return std::string(UnwrapAnswer(final > box_end ? Sentence(text.substr(final)) : *box));
  }
  const std::size_t after = AfterLast(lower, {"answer is", "answer:"});
  return std::string(UnwrapAnswer(after > 0 ? Sentence(text.substr(after)) : ""));
}

std::string GraderVersion() { return "gradus-grader 1"; }

}  // namespace gradus
