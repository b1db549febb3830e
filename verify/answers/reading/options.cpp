#include "verify/answers/reading/options.h"

#include <algorithm>
#include <string_view>

#include "verify/answers/reading/doubt.h"
#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;
using Tokens = std::vector<AnswerToken>;

// The option that a token is, in upper case, or 0.
char OptionOf(const AnswerToken& token) {
  if (!token.IsWord() || token.text.size() != 1) return 0;
  const char letter = token.text[0];
  const char upper = letter >= 'a' ? static_cast<char>(letter - 32) : letter;
  return upper >= 'A' && upper <= 'J' ? upper : '\0';
}

bool IsSign(const AnswerToken& token, std::string_view signs) {
  return token.kind == Kind::kSymbol && token.text.size() == 1 &&
         signs.find(token.text) != std::string_view::npos;
}

// Letters and what joins them, nothing else.
std::string AllLetters(const Tokens& tokens) {
  std::string letters;
  for (const AnswerToken& token : tokens) {
    const bool joins = IsSign(token, ",;()[]") || token.IsSymbol("both") || token.text == "and" ||
                       token.IsSymbol("\\{") || token.IsSymbol("\\}");
    if (joins) continue;
    const bool run = token.IsWord() && std::all_of(token.text.begin(), token.text.end(),
                                                   [](char c) { return c >= 'A' && c <= 'J'; });
    if (!run) return "";
    letters += token.text;
  }
  std::sort(letters.begin(), letters.end());
  const bool twice = std::adjacent_find(letters.begin(), letters.end()) != letters.end();
  return twice ? "" : letters;
}

// Whether what stands behind "B)" can be the text of the option.
bool IsOptionText(const Tokens& tokens, std::size_t from) {
  return std::none_of(tokens.begin() + static_cast<std::ptrdiff_t>(from), tokens.end(),
                      [](const AnswerToken& token) {
                        const bool option = OptionOf(token) != 0 && token.text[0] < 'a';
                        return option || (token.IsWord() && IsDoubt(LowerCase(token.text)));
                      });
}

}  // namespace

Options OptionsOf(const std::vector<AnswerToken>& all) {
  Tokens tokens = all;
  if (tokens.size() > 1 && tokens[0].IsWord()) {
    const std::string word = LowerCase(tokens[0].text);
    if (word == "option" || word == "choice" || word == "answer" || word == "选")
      tokens.erase(tokens.begin());
  }
  const std::size_t at = !tokens.empty() && tokens[0].IsSymbol("(") ? 1 : 0;
  const char letter = at < tokens.size() ? OptionOf(tokens[at]) : '\0';
  if (letter != 0) {
    const bool marked = at + 1 < tokens.size() && IsSign(tokens[at + 1], at == 1 ? ")" : ").:");
    const std::size_t rest = at + 1 + marked;
    const bool small = tokens[at].text[0] >= 'a';
    if (rest >= tokens.size()) return {std::string(1, letter), true, small};
    if (marked && IsOptionText(tokens, rest)) return {std::string(1, letter), false, small};
  }
  const std::string letters = AllLetters(tokens);
  return {letters, !letters.empty(), false};
}

}  // namespace gradus
