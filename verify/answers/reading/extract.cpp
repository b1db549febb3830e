#include "verify/answers/reading/extract.h"

#include <algorithm>
#include <array>

#include "verify/answers/reading/boxes.h"
#include "verify/answers/reading/doubt.h"
#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/code_points.h"
#include "verify/answers/tokens/token.h"

namespace gradus {

namespace {
constexpr auto kNowhere = std::string_view::npos;
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

namespace {

constexpr std::size_t kTail = 4000;  // An answer that nothing announces stands at the end.

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
  for (std::string_view verb :
       {" is ", " are ", " equals ", " be ", " therefore ", " hence ", " thus "}) {
    const std::size_t found = sentence.rfind(verb);
    if (found != kNowhere) after = std::max(after, found + verb.size());
  }
  return sentence.substr(after);
}

// A reason or a contrast behind a value is no part of it.
std::string_view WithoutReason(std::string_view sentence) {
  for (std::string_view begins : {" because ", ", because ", ", since ", " since ", " (not ",
                                  ", not ", " rather than ", " instead of ", ", as ", ", which "}) {
    const std::size_t found = sentence.find(begins);
    if (found != kNowhere && found > 0) sentence = sentence.substr(0, found);
  }
  return sentence;
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
  const auto raised = [&] {  // "m^{2}" ends with no number.
    return text.substr(0, end - 1).ends_with("^") || text.substr(0, end - 1).ends_with("^{");
  };
  while (end > 0 && (!IsDigit(text[end - 1]) || raised())) --end;
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

// What announces an answer. Chinese colons have become ours.
constexpr std::string_view kAnnouncements[] = {
    "answer is",          "answer:",      "answer**:", "answer**",           "answer \\[",
    "answer\n\\[",        "answer = ",    "####",      "\u7b54\u6848\u662f", "\u7b54\u6848\u4e3a",
    "\u7b54\u6848\u9009", "\u7b54\u6848:"};

// Where the sentence that a position stands in begins.
std::size_t SentenceBegin(std::string_view text, std::size_t at) {
  for (std::size_t i = at; i > 0; --i) {
    const char c = text[i - 1];
    if (c == '\n' || c == ';' || (c == '.' && i < text.size() && IsSpace(text[i]))) return i;
  }
  return 0;
}

bool IsOption(std::string_view text) {
  while (!text.empty() && (text.front() == '(' || text.front() == '*')) text.remove_prefix(1);
  return !text.empty() && text[0] >= 'A' && text[0] <= 'J' &&
         (text.size() == 1 || !IsLetter(text[1]));
}

bool HasValue(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return IsDigit(c) || c == '\\' || c == '$'; }) ||
         IsOption(text);
}

struct Announced {
  std::string answer;
  std::size_t at = 0;  // Where it was announced.
};

// What follows the last announcement that stands and is followed by anything.
Announced LastAnnounced(std::string_view all) {
  constexpr int kMostTries = 10;
  constexpr std::size_t kWindow = 20000;
  const std::size_t skipped = all.size() > kWindow ? all.size() - kWindow : 0;
  const std::string_view text = all.substr(skipped);
  const std::string lower = LowerCase(text);
  std::size_t end = lower.size();
  for (int tries = 0; tries < kMostTries && end > 0; ++tries) {
    std::size_t at = kNowhere, length = 0;
    for (std::string_view phrase : kAnnouncements) {
      const std::size_t found = lower.rfind(phrase, end);
      if (found != kNowhere && found + phrase.size() <= lower.size() &&
          (at == kNowhere || found > at || (found == at && phrase.size() > length))) {
        at = found;
        length = phrase.size();
      }
    }
    if (at == kNowhere) return {};
    const std::size_t begin = SentenceBegin(text, at);
    const std::size_t after = at + length - (text.substr(0, at + length).ends_with("\\[") ? 2 : 0);
    std::string_view found = WithoutReason(AfterVerb(Sentence(text.substr(after))));
    if (found.ends_with("**") && found.find("**") + 2 == found.size())
      found.remove_suffix(2);  // "**Answer: 7**"
    found = UnwrapAnswer(found);
    const bool denied = HasDoubt(text.substr(begin, at - begin)) ||
                        LowerCase(found.substr(0, 4)).starts_with("not ") ||
                        lower.find("that is wrong", after) != kNowhere;
    if (!found.empty() && !denied) return {std::string(found), skipped + at};
    if (at == 0) return {};
    end = at - 1;
  }
  return {};
}

// "\boxed{5} is wrong", "not \boxed{7}".
bool IsDenied(std::string_view text, const Boxes& boxes) {
  const std::string_view behind = text.substr(boxes.end);
  const std::size_t stop = std::min(behind.find_first_of(".;\n"), behind.size());
  for (std::string_view word : {" wrong", " incorrect", " is not ", " isn't", " cannot be"}) {
    if (behind.substr(0, stop).find(word) != kNowhere) return true;
  }
  const auto begin = static_cast<std::size_t>(boxes.contents.front().data() - text.data());
  const std::size_t box = text.rfind('\\', begin);
  std::string_view before = text.substr(0, box == kNowhere ? 0 : box);
  while (!before.empty() && (IsSpace(before.back()) || before.back() == '$'))
    before.remove_suffix(1);
  return before.ends_with(" not") || before.ends_with("n't") || before.ends_with("cannot be");
}

// What a model wrote for others to read: behind its thoughts; nothing when they never end.
std::string_view WithoutThoughts(std::string_view text) {
  const std::size_t open = text.rfind("<think>"), close = text.rfind("</think>");
  if (close != kNowhere && (open == kNowhere || close > open)) return text.substr(close + 8);
  return open == kNowhere ? text : "";
}

std::string_view InTags(std::string_view text) {
  const std::size_t close = text.rfind("</answer>");
  const std::size_t open = close == kNowhere ? kNowhere : text.rfind("<answer>", close);
  return open == kNowhere ? "" : text.substr(open + 8, close - open - 8);
}

std::string Joined(const Boxes& boxes) {
  std::string joined;
  for (std::string_view content : boxes.contents) {
    joined += (joined.empty() ? "" : ", ") + std::string(UnwrapAnswer(content));
  }
  return joined;
}

// The value that the last sentence with a value states.
Extracted Declared(std::string_view text) {
  if (GivesUp(text)) return {};
  for (std::size_t end = text.size(); end > 0;) {
    while (end > 0 && (IsSpace(text[end - 1]) || text[end - 1] == '.')) --end;
    const std::size_t begin = SentenceBegin(text, end);
    std::string_view sentence = Trim(text.substr(begin, end - begin));
    end = begin;
    for (std::string_view conclusion : {" therefore ", " hence ", " thus "}) {
      const std::size_t found = sentence.rfind(conclusion);
      if (found != kNowhere) sentence = sentence.substr(found + conclusion.size());
    }
    const std::string_view said = UnwrapAnswer(WithoutReason(AfterVerb(sentence)));
    if (!HasValue(sentence) && !IsOption(said)) continue;
    if (HasDoubt(sentence)) return {};
    if (IsOption(said) || (said.size() < sentence.size() && HasValue(said))) {
      return {std::string(said), "sentence"};
    }
    // "It lies between 3 and 4" states no value.
    for (std::string_view bound : {" between ", " at least ", " at most "}) {
      if (sentence.find(bound) != kNowhere) return {};
    }
    return LastValue(sentence);
  }
  return {};
}

Extracted FindAnswer(std::string_view text) {
  const Boxes boxes = FindBoxes(text);
  const Announced announced = LastAnnounced(text);
  // A box may hold an intermediate result that a later sentence supersedes.
  const bool later = announced.at > boxes.end && HasValue(announced.answer);
  if (!later && boxes.cut_off) return {"", "cut-off"};
  if (!later && !boxes.contents.empty()) {
    if (IsDenied(text, boxes)) return {"", "denied"};
    return {Joined(boxes), boxes.contents.size() > 1 ? "boxed-list" : "boxed"};
  }
  if (!announced.answer.empty()) return {announced.answer, "answer-phrase"};
  if (const std::string_view output = LastOutput(text); !output.empty()) {
    return {std::string(output), "output"};
  }
  return {};
}

Extracted FindInTags(std::string_view text) {
  const std::size_t open = text.rfind("<answer>"), close = text.rfind("</answer>");
  if (open != kNowhere && (close == kNowhere || close < open)) {
    // Another end mark, perhaps: a box that is whole says all. Else the answer is not.
    const Extracted inner = FindAnswer(text.substr(open));
    return inner.rule.starts_with("boxed") ? inner : Extracted{"", "cut-off"};
  }
  const std::string_view tagged = InTags(text);
  if (tagged.empty()) return {};
  const Extracted inner = FindAnswer(tagged);
  if (!inner.rule.empty()) return inner;
  return {std::string(UnwrapAnswer(tagged)), "answer-tag"};
}

}  // namespace

Extracted ExtractFinalAnswer(std::string_view text, Places places) {
  const std::string ascii = InAscii(WithoutThoughts(text));
  Extracted found = FindInTags(ascii);
  if (found.rule.empty()) found = FindAnswer(ascii);
  if (!found.rule.empty() || places == Places::kAnnounced) return found;
  return places == Places::kStated ? Declared(ascii) : LastValue(ascii);
}

}  // namespace gradus
