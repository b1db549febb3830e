#include "verify/answers/reading/extract.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <optional>

#include "verify/answers/expression/characters.h"
#include "verify/answers/expression/token.h"
#include "verify/answers/reading/boxes.h"

namespace gradus {
namespace {

constexpr auto kNowhere = std::string_view::npos;
constexpr std::size_t kTail = 4000;  // An answer that nothing announces stands at the end.

// Position behind the last of the phrases (lower case) in a text, or 0.
std::size_t AfterLast(const std::string& lower, std::initializer_list<std::string_view> phrases) {
  std::size_t after = 0;
  for (std::string_view phrase : phrases) {
    const std::size_t found = lower.rfind(phrase);
    if (found != std::string::npos) after = std::max(after, found + phrase.size());
  }
  return after;
}

// The rest of the sentence; a formula on lines of its own counts as one.
std::string_view Sentence(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n:*=");
  if (begin == kNowhere) return "";
  text = text.substr(begin);
  for (const auto& [open, close] : {std::pair{"\\[", "\\]"}, std::pair{"$$", "$$"}}) {
    if (!text.starts_with(open)) continue;
    const std::size_t end = text.find(close, 2);
    if (end != kNowhere) return text.substr(0, end + 2);
  }
  text = text.substr(0, text.find('\n'));
  for (std::size_t dot = text.find('.'); dot != kNowhere; dot = text.find('.', dot + 1)) {
    const bool ends = dot + 1 == text.size() || IsSpace(text[dot + 1]) ||
                      (text[dot + 1] == '$' && (dot + 2 == text.size() || IsSpace(text[dot + 2])));
    if (ends) return text.substr(0, dot);
  }
  return text;
}

// "The volume is 120" says "120".
std::string_view AfterVerb(std::string_view sentence) {
  if (sentence.empty() || !IsLetter(sentence[0])) return sentence;
  std::size_t after = 0;
  for (std::string_view verb : {" is ", " are ", " equals ", " be "}) {
    const std::size_t found = sentence.rfind(verb);
    if (found != kNowhere) after = std::max(after, found + verb.size());
  }
  return sentence.substr(after);
}

std::string_view LastOutput(std::string_view text) {
  const std::size_t open = text.rfind("```output");
  if (open == kNowhere) return "";
  const std::size_t begin = text.find('\n', open);
  if (begin == kNowhere) return "";
  const std::size_t end = text.find("```", begin);
  const std::string_view block = Trim(text.substr(begin, end == kNowhere ? end : end - begin));
  const std::size_t line = block.rfind('\n');
  return Trim(line == kNowhere ? block : block.substr(line + 1));
}

// A number outside of formulas, with its sign and a percent sign; empty when there is none.
std::string_view LastNumber(std::string_view text) {
  std::size_t end = text.size();
  while (end > 0 && !IsDigit(text[end - 1])) --end;
  if (end == 0) return "";
  std::size_t begin = end;
  const auto belongs = [](char c) { return IsDigit(c) || c == ',' || c == '.' || c == '/'; };
  while (begin > 0 && belongs(text[begin - 1])) --begin;
  while (begin < end && !IsDigit(text[begin]) && text[begin] != '.') ++begin;
  const bool sign = begin > 0 && text[begin - 1] == '-' &&
                    (begin == 1 || (!IsDigit(text[begin - 2]) && !IsLetter(text[begin - 2])));
  if (sign) --begin;
  if (text.substr(end).starts_with("%")) ++end;
  if (text.substr(end).starts_with("\\%")) end += 2;
  return text.substr(begin, end - begin);
}

// The formula or number that ends last.
Extracted LastValue(std::string_view text) {
  if (text.size() > kTail) text = text.substr(text.size() - kTail);
  // "3^n, where n is an integer": what a letter stands for comes behind the answer.
  if (const std::size_t where = text.rfind(" where "); where != kNowhere && where > 0) {
    if (!LastNumber(text.substr(0, where)).empty()) text = text.substr(0, where);
  }
  const auto segments = MathSegments(text);
  const std::string_view number = LastNumber(text);
  const auto end_of = [&](std::string_view part) {
    return static_cast<std::size_t>(part.data() - text.data()) + part.size();
  };
  if (!segments.empty() && (number.empty() || end_of(segments.back()) + 2 >= end_of(number))) {
    return {std::string(segments.back()), "math"};
  }
  return number.empty() ? Extracted{} : Extracted{std::string(number), "number"};
}

}  // namespace

std::vector<std::string_view> MathSegments(std::string_view text) {
  static constexpr std::array<std::array<std::string_view, 2>, 4> kDelimiters = {
      {{"$$", "$$"}, {"$", "$"}, {"\\(", "\\)"}, {"\\[", "\\]"}}};
  std::vector<std::string_view> segments;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '$' && text[i] != '\\') continue;
    if (text.substr(i).starts_with("\\$")) {
      ++i;
      continue;
    }
    for (const auto& [open, close] : kDelimiters) {
      if (!text.substr(i).starts_with(open)) continue;
      const std::size_t begin = i + open.size(), end = text.find(close, begin);
      if (end == kNowhere) return segments;
      const std::string_view inner = Trim(text.substr(begin, end - begin));
      if (!inner.empty()) segments.push_back(inner);
      i = end + close.size() - 1;
      break;
    }
  }
  return segments;
}

std::string_view UnwrapAnswer(std::string_view text) {
  static constexpr std::array<std::array<std::string_view, 2>, 5> kWrappers = {
      {{"$", "$"}, {"\\(", "\\)"}, {"\\[", "\\]"}, {"**", "**"}, {"`", "`"}}};
  for (int pass = 0; pass < 16; ++pass) {
    const std::size_t before = text.size();
    text = Trim(text);
    if (text.size() > 1 && (text.back() == '.' || text.back() == ',' || text.back() == ';') &&
        !text.ends_with("..") && !text.ends_with("\\,") && !text.ends_with("\\;")) {
      text.remove_suffix(1);
    }
    for (const auto& [open, close] : kWrappers) {
      if (text.size() < open.size() + close.size() || !text.starts_with(open) ||
          !text.ends_with(close)) {
        continue;
      }
      const auto inner = text.substr(open.size(), text.size() - open.size() - close.size());
      if (inner.find(close) == kNowhere || inner.starts_with('$')) text = inner;
    }
    if (text.size() == before) break;
  }
  return text;
}

Extracted ExtractFinalAnswer(std::string_view text) {
  const std::string lower = LowerCase(text);
  const Boxes boxes = FindBoxes(text);
  // A box may hold an intermediate result that a later sentence supersedes.
  const std::size_t final =
      AfterLast(lower, {"final answer is", "final answer:", "final answer**"});
  if (!boxes.contents.empty() && (final <= boxes.end || Trim(text.substr(final)).empty())) {
    std::string joined;
    for (std::string_view content : boxes.contents) {
      joined += (joined.empty() ? "" : ", ") + std::string(UnwrapAnswer(content));
    }
    return {joined, boxes.contents.size() > 1 ? "boxed-list" : "boxed"};
  }
  const std::size_t after =
      std::max(final, AfterLast(lower, {"answer is", "answer:", "answer \\[", "answer\n\\["}));
  if (after > 0) {
    const std::size_t from = text.substr(0, after).ends_with("\\[") ? after - 2 : after;
    const std::string_view found = UnwrapAnswer(AfterVerb(Sentence(text.substr(from))));
    if (!found.empty()) return {std::string(found), "answer-phrase"};
  }
  if (const std::string_view output = LastOutput(text); !output.empty()) {
    return {std::string(output), "output"};
  }
  return LastValue(text);
}

}  // namespace gradus
