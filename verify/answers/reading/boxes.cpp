#include "verify/answers/reading/boxes.h"

#include <algorithm>

#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/token.h"

namespace gradus {
namespace {

constexpr auto kNowhere = std::string_view::npos;
constexpr std::size_t kMaxGap = 60, kMaxBoxes = 64;

struct Box {
  std::size_t begin, content, close;  // Of the command, of its content, of its closing brace.
};

// Length of a box command here up to its brace, or 0. "\boxed 5" without braces is none.
std::size_t BoxCommand(std::string_view text, std::size_t at) {
  for (std::string_view command : {"\\boxed", "\\fbox"}) {
    if (!text.substr(at).starts_with(command)) continue;
    std::size_t brace = at + command.size();
    while (brace < text.size() && text[brace] == ' ') ++brace;
    if (brace < text.size() && text[brace] == '{') return brace - at;
  }
  return 0;
}

// Outermost complete boxes outside of code, in the order of their ends.
std::vector<Box> AllBoxes(std::string_view text, bool& cut_off) {
  struct Brace {
    std::size_t command, content;  // Both 0: a brace that is no box.
  };
  std::vector<Brace> open;
  std::vector<Box> boxes;
  bool code = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("```")) {
      // A fence that nobody closes is no fence.
      code = !code && text.find("```", i + 3) != kNowhere;
      i += 2;
    } else if (code) {
      continue;
    } else if (const std::size_t length = BoxCommand(text, i)) {
      open.push_back({i, i + length + 1});
      i += length;
    } else if (text[i] == '\\') {
      // An escaped brace; but "\\boxed" of a text that was escaped twice is a box.
      if (BoxCommand(text, i + 1) == 0) ++i;
    } else if (text[i] == '{') {
      open.push_back({0, 0});
    } else if (text[i] == '}' && !open.empty()) {
      const Brace brace = open.back();
      open.pop_back();
      if (brace.content == 0) continue;
      while (!boxes.empty() && boxes.back().begin > brace.command) boxes.pop_back();
      boxes.push_back({brace.command, brace.content, i});
    }
  }
  cut_off = std::any_of(open.begin(), open.end(), [&](const Brace& brace) {
    return brace.content > 0 && (boxes.empty() || brace.command > boxes.back().close);
  });
  return boxes;
}

// Whether a text between two boxes only joins them.
bool Joins(std::string_view gap) {
  if (gap.size() > kMaxGap || gap.find("\n\n") != kNowhere || gap.find('.') != kNowhere)
    return false;
  const auto tokens = TokenizeAnswer(gap);
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string word = LowerCase(tokens[i].text);
    switch (tokens[i].kind) {
      case AnswerToken::Kind::kNumber:
        if (i == 0 || !(tokens[i - 1].IsSymbol("_") || tokens[i - 1].IsSymbol("{"))) return false;
        break;
      case AnswerToken::Kind::kLetters:
      case AnswerToken::Kind::kText: {
        const bool name = word.size() == 1;  // "y_2 = \boxed{...}"
        if (!name && word != "and" && word != "or" && word != ", and") return false;
        break;
      }
      default:
        break;
    }
  }
  return true;
}

}  // namespace

Boxes FindBoxes(std::string_view text) {
  Boxes boxes;
  const std::vector<Box> all = AllBoxes(text, boxes.cut_off);
  if (all.empty()) return boxes;
  std::size_t first = all.size() - 1;
  while (first > 0 && all.size() - first < kMaxBoxes) {
    const Box& before = all[first - 1];
    const std::size_t gap = before.close + 1;
    if (!Joins(text.substr(gap, all[first].begin - gap))) break;
    --first;
  }
  boxes.end = all.back().close + 1;
  for (std::size_t i = first; i < all.size(); ++i) {
    const std::string_view content =
        Trim(text.substr(all[i].content, all[i].close - all[i].content));
    if (std::find(boxes.contents.begin(), boxes.contents.end(), content) == boxes.contents.end()) {
      boxes.contents.push_back(content);
    }
  }
  return boxes;
}

}  // namespace gradus
