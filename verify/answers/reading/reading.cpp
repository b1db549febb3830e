#include "verify/answers/reading/reading.h"

#include <algorithm>

#include "verify/answers/expression/characters.h"
#include "verify/answers/expression/matrix.h"
#include "verify/answers/expression/parse.h"
#include "verify/answers/expression/spelling.h"
#include "verify/answers/expression/token.h"
#include "verify/answers/reading/extract.h"

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;
using Tokens = std::vector<AnswerToken>;

constexpr std::size_t kMaxAnswer = 4000;  // Bytes; longer answers are compared as texts only.
constexpr int kMaxWordsAroundGold = 5;

enum class Company { kAlone, kAmongOthers };

bool IsKnownTerm(const std::string& word, Company company) {
  if (company == Company::kAlone &&
      (word == "no" || word == "No" || word == "True" || word == "False")) {
    return false;
  }
  if (word.size() < 3 || !FunctionName(word).empty() || IsSymbolName(word)) return true;
  if (IsPercentWord(word) || !NumberOfWord(word).empty()) return true;
  for (std::string_view known : {"and", "And", "open", "Lopen", "Ropen", "True", "False"}) {
    if (word == known) return true;
  }
  // "sinx", "lnab", "rpi": a name that grew together with its neighbour.
  for (std::string_view name : {"sin", "cos", "tan", "log", "ln", "pi"}) {
    if (word.size() > name.size() + 2) continue;
    if (word.starts_with(name) || word.ends_with(name)) return true;
  }
  return false;
}

// Whether a run of letters is a product: "2abc", "xyz", "ABCD", "a_{max}".
bool IsProduct(const Tokens& tokens, std::size_t at) {
  const std::string& word = tokens[at].text;
  const auto is_operator = [&](std::size_t i) {
    if (i >= tokens.size() || tokens[i].kind != Kind::kSymbol) return false;
    return std::string_view("+-*/^_=:").find(tokens[i].text) != std::string_view::npos;
  };
  const bool subscript =
      at > 0 && (tokens[at - 1].IsSymbol("_") ||
                 (at > 1 && tokens[at - 1].IsSymbol("{") && tokens[at - 2].IsSymbol("_")));
  if (subscript) return true;
  if (word.size() > 5) return false;
  const bool capitals = std::none_of(word.begin(), word.end(), [](char c) { return c >= 'a'; });
  if (capitals && tokens.size() > 1) return true;
  if (word.size() > 4) return false;
  bool ascending = word.size() > 2;
  for (std::size_t i = 1; i < word.size(); ++i) ascending = ascending && word[i] == word[i - 1] + 1;
  const bool vowels = word.find_first_of("aeiouAEIOU") != std::string::npos;
  const bool glued = at > 0 && !tokens[at].spaced && tokens[at - 1].kind == Kind::kNumber;
  return ascending || !vowels || glued || is_operator(at + 1) || (at > 0 && is_operator(at - 1));
}

// Words that are no mathematics, nor units behind a number.
int CountWords(const Tokens& tokens) {
  int words = 0;
  const Company company = tokens.size() == 1 ? Company::kAlone : Company::kAmongOthers;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind != Kind::kLetters || IsKnownTerm(tokens[i].text, company)) continue;
    const bool counted =
        i > 0 && !UnitName(tokens[i].text).empty() &&
        (tokens[i - 1].kind == Kind::kNumber || tokens[i - 1].IsSymbol("}") ||
         tokens[i - 1].IsSymbol(")") || tokens[i - 1].kind == Kind::kText ||
         (tokens[i - 1].kind == Kind::kLetters && !UnitName(tokens[i - 1].text).empty()));
    if (!counted && !IsProduct(tokens, i)) ++words;
  }
  return words;
}

bool IsWordsOnly(const Tokens& tokens) {
  bool words = false;
  for (const AnswerToken& token : tokens) {
    const bool word = token.kind == Kind::kLetters || token.kind == Kind::kText;
    const bool mark = token.kind == Kind::kSymbol && token.text.size() == 1 && token.text != "=" &&
                      token.text != "+" && token.text != "-" && token.text != "*" &&
                      token.text != "/" && token.text != "^" && token.text != "_";
    if (!word && !mark) return false;
    words = words || (word && token.text.size() > 1);
  }
  return words;
}

// What a phrase means, or the phrase itself in lower case.
ExprPtr WordsOf(const Tokens& tokens) {
  std::string text;
  for (const AnswerToken& token : tokens) {
    if (token.kind != Kind::kLetters && token.kind != Kind::kText) continue;
    const std::string word = LowerCase(token.text);
    if (word == "the" || word == "a" || word == "an") continue;
    text += (text.empty() ? "" : " ") + word;
  }
  while (!text.empty() && std::string_view(".,;:!?").find(text.back()) != std::string_view::npos) {
    text.pop_back();
  }
  for (std::string_view phrase :
       {"no solution", "no solutions", "no real solution", "no real solutions",
        "there is no solution", "empty set", "none"}) {
    if (text == phrase) return MakeExpr(ExprKind::kSet, {});
  }
  for (std::string_view phrase : {"all real numbers", "all reals", "real numbers"}) {
    if (text == phrase) return MakeSymbol("Reals");
  }
  if (text == "undefined" || text == "does not exist" || text == "dne") return MakeSymbol("zoo");
  return MakeExpr(ExprKind::kText, {}, text);
}

std::string NormalText(const Tokens& tokens) {
  std::string normal;
  for (const AnswerToken& token : tokens) normal += token.text + " ";
  return normal;
}

// Drops what stands around an answer without belonging to it.
void TrimTokens(Tokens& tokens) {
  const auto idle = [](const AnswerToken& token) {
    for (std::string_view symbol : {".", ",", ";", ":", "*", "^", "`", "\"", "?", "newline"}) {
      if (token.IsSymbol(symbol)) return true;
    }
    return false;
  };
  while (!tokens.empty() && idle(tokens.back())) tokens.pop_back();
  std::size_t leading = 0;
  while (leading < tokens.size() && idle(tokens[leading])) ++leading;
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(leading));
}

// "k\pi, k \in \mathbb{Z}": what a variable ranges over is no element of the answer.
ExprPtr WithoutRanges(const ExprPtr& expr) {
  if (!expr || expr->kind != ExprKind::kList) return expr;
  std::vector<ExprPtr> kept;
  for (const ExprPtr& part : expr->parts) {
    const bool range = part->kind == ExprKind::kRelation && part->name == "i" &&
                       part->parts[1]->kind == ExprKind::kSymbol;
    if (!range) kept.push_back(part);
  }
  if (kept.empty() || kept.size() == expr->parts.size()) return expr;
  return kept.size() == 1 ? kept[0] : MakeExpr(ExprKind::kList, std::move(kept));
}

char ChoiceOf(const Tokens& tokens) {
  std::size_t at = !tokens.empty() && tokens[0].IsSymbol("(") ? 1 : 0;
  if (at >= tokens.size() || tokens[at].text.size() != 1) return 0;
  if (tokens[at].kind != Kind::kLetters && tokens[at].kind != Kind::kText) return 0;
  const char letter = tokens[at].text[0];
  const char upper = letter >= 'a' ? static_cast<char>(letter - 32) : letter;
  if (upper < 'A' || upper > 'J') return 0;
  ++at;
  const bool marked = at < tokens.size() && (tokens[at].IsSymbol(")") || tokens[at].IsSymbol(":") ||
                                             tokens[at].IsSymbol("."));
  return at == tokens.size() || marked ? upper : '\0';
}

// "(C) 15"
bool NamesOptionAndValue(const Tokens& tokens) {
  return tokens.size() > 3 && tokens[0].IsSymbol("(") && tokens[1].kind == Kind::kLetters &&
         tokens[1].text.size() == 1 && tokens[1].text[0] >= 'A' && tokens[1].text[0] <= 'E' &&
         tokens[2].IsSymbol(")") && tokens[3].kind != Kind::kSymbol;
}

Reading ReadTokens(std::string_view answer) {
  Reading reading;
  reading.answer = answer;
  if (answer.size() > kMaxAnswer) return reading;
  Tokens tokens = TokenizeAnswer(answer);
  reading.choice = ChoiceOf(tokens);
  TrimTokens(tokens);
  reading.normal = NormalText(tokens);
  if (NamesOptionAndValue(tokens)) tokens.erase(tokens.begin(), tokens.begin() + 3);
  const int words = CountWords(tokens);
  if (words > 0 && reading.choice == 0) reading.choice = ChoiceOf({tokens.back()});
  if (words > 0 || (IsWordsOnly(tokens) && tokens[0].kind == Kind::kText)) {
    if (IsWordsOnly(tokens)) reading.expr = WordsOf(tokens);
    return reading;
  }
  const bool separated =
      std::any_of(tokens.begin(), tokens.end(), [](const auto& t) { return t.separated; });
  reading.expr = WithMatricesWorkedOut(WithoutRanges(ParseAnswer(std::move(tokens))));
  if (separated) {
    Tokens split = TokenizeAnswer(answer, Thousands::kSplit);
    TrimTokens(split);
    reading.split = ParseAnswer(std::move(split));
  }
  return reading;
}

bool HasMarkup(std::string_view text) { return text.find("boxed") != std::string_view::npos; }

// The answer that a gold in prose clearly names, or "".
std::string NamedByProse(std::string_view text) {
  const Extracted found = ExtractFinalAnswer(text);
  if (found.rule == "boxed" || found.rule == "boxed-list" || found.rule == "answer-phrase") {
    return found.answer;
  }
  const auto segments = MathSegments(text);
  if (segments.size() != 1) return "";
  const std::string lower = LowerCase(Trim(text));
  for (std::string_view reply : {"yes", "no", "not", "true", "false", "only", "if"}) {
    if (lower.starts_with(reply)) return "";
  }
  std::string outside(text.substr(0, static_cast<std::size_t>(segments[0].data() - text.data())));
  outside += text.substr(outside.size() + segments[0].size());
  // "radius: 1, center: $(2,3)$" has more to say than its formula.
  if (std::any_of(outside.begin(), outside.end(), IsDigit)) return "";
  return CountWords(TokenizeAnswer(outside)) <= kMaxWordsAroundGold ? std::string(segments[0]) : "";
}

}  // namespace

Reading ReadAnswer(std::string_view text, AnswerSide side) {
  if (HasMarkup(text)) {
    const Extracted found = ExtractFinalAnswer(text);
    if (!found.rule.empty()) return ReadTokens(UnwrapAnswer(found.answer));
  }
  const Reading whole = ReadTokens(UnwrapAnswer(text));
  if (whole.answer.empty()) return whole;
  const bool words = whole.expr && whole.expr->kind == ExprKind::kText;
  if (words && side == AnswerSide::kPredicted) {
    // "The answer is B."
    const Extracted found = ExtractFinalAnswer(text);
    if (found.rule == "answer-phrase") return ReadTokens(UnwrapAnswer(found.answer));
  }
  if (whole.expr) return whole;
  // A sentence with the answer in it.
  if (text.size() <= kMaxAnswer && CountWords(TokenizeAnswer(text)) == 0) return whole;
  const std::string inner =
      side == AnswerSide::kGold ? NamedByProse(text) : ExtractFinalAnswer(text).answer;
  if (inner.empty()) return whole;
  const Reading part = ReadTokens(UnwrapAnswer(inner));
  return part.expr ? part : whole;
}

}  // namespace gradus
