#include "verify/answers/reading/reading.h"

#include <algorithm>

#include "verify/answers/expression/matrix.h"
#include "verify/answers/expression/parse.h"
#include "verify/answers/expression/shape.h"
#include "verify/answers/reading/doubt.h"
#include "verify/answers/reading/extract.h"
#include "verify/answers/reading/phrase.h"
#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/code_points.h"
#include "verify/answers/tokens/spelling.h"
#include "verify/answers/tokens/token.h"
#include "verify/answers/tokens/units.h"
#include "verify/answers/tokens/words.h"

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;
using Tokens = std::vector<AnswerToken>;

constexpr std::size_t kMaxAnswer = 4000;  // Bytes; longer answers are compared as texts only.
constexpr int kMaxWordsAround = 6;

enum class Company { kAlone, kAmongOthers };

bool IsKnownTerm(const std::string& word, Company company) {
  if (company == Company::kAlone &&
      (word == "no" || word == "No" || word == "True" || word == "False")) {
    return false;
  }
  if (word.size() < 3 || !FunctionName(word).empty() || IsSymbolName(word)) return true;
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

// Words that are no mathematics, nor units behind a value.
int CountWords(const Tokens& tokens) {
  int words = 0;
  bool unit = false;  // Whether the token before was one.
  const Company company = tokens.size() == 1 ? Company::kAlone : Company::kAmongOthers;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const AnswerToken& token = tokens[i];
    const bool letters = token.kind == Kind::kLetters;
    const bool behind_value = i > 0 && (unit || tokens[i - 1].kind == Kind::kNumber ||
                                        tokens[i - 1].IsSymbol("}") || tokens[i - 1].IsSymbol(")"));
    const bool power = token.text == "square" || token.text == "cubic" || token.text == "sq" ||
                       token.text == "cu" || token.text == "per";
    unit = behind_value && (power || token.IsSymbol("/") || !UnitName(token.text).empty() ||
                            !CountedNoun(token.text).empty());
    if (!letters || IsKnownTerm(token.text, company) || unit || IsProduct(tokens, i)) continue;
    ++words;
  }
  return words;
}

bool IsWordsOnly(const Tokens& tokens) {
  bool words = false;
  for (const AnswerToken& token : tokens) {
    const bool word = token.IsWord();
    const bool mark = token.kind == Kind::kSymbol && token.text.size() == 1 && token.text != "=" &&
                      token.text != "+" && token.text != "-" && token.text != "*" &&
                      token.text != "/" && token.text != "^" && token.text != "_";
    if (!word && !mark) return false;
    words = words || (word && token.text.size() > 1);
  }
  return words;
}

std::string NormalText(const Tokens& tokens) {
  std::string normal;
  for (const AnswerToken& token : tokens) normal += token.text + (token.listed ? ", " : " ");
  return normal;
}

// "2 3 5 7": plain numbers side by side are a list.
Tokens SpacedAsList(Tokens tokens) {
  const auto plain = [](const AnswerToken& t) { return t.kind == Kind::kNumber; };
  // numpy prints them in brackets.
  const bool array = tokens.size() > 3 && tokens[0].IsSymbol("[") && tokens.back().IsSymbol("]");
  if (tokens.size() < 2 || !std::all_of(tokens.begin() + array, tokens.end() - array, plain)) {
    return tokens;
  }
  Tokens list;
  for (AnswerToken& token : tokens) {
    if (!list.empty() && plain(list.back()) && plain(token)) list.push_back({Kind::kSymbol, ","});
    list.push_back(std::move(token));
  }
  return list;
}

// Drops what stands around an answer without belonging to it.
void TrimTokens(Tokens& tokens) {
  const auto idle = [](const AnswerToken& token) {
    for (std::string_view symbol : {".", ",", ";", ":", "*", "^", "`", "\"", "newline"}) {
      if (token.IsSymbol(symbol)) return true;
    }
    return false;
  };
  while (!tokens.empty() && idle(tokens.back())) tokens.pop_back();
  std::size_t leading = 0;
  while (leading < tokens.size() && idle(tokens[leading])) ++leading;
  tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(leading));
}

// "k\pi, k \in \mathbb{Z}": what a variable ranges over is no element of the answer. The names of
// those that are whole are kept.
ExprPtr WithoutRanges(const ExprPtr& expr, std::vector<std::string>& whole) {
  if (!expr || expr->kind != ExprKind::kList) return expr;
  std::vector<ExprPtr> kept;
  for (const ExprPtr& part : expr->parts) {
    const bool range = part->kind == ExprKind::kRelation && part->name == "i" &&
                       part->parts[1]->kind == ExprKind::kSymbol;
    if (!range) kept.push_back(part);
    const bool integers = range && part->parts[1]->name == "Z";
    if (integers && IsVariable(*part->parts[0])) whole.push_back(part->parts[0]->name);
  }
  if (kept.empty() || kept.size() == expr->parts.size()) return expr;
  return kept.size() == 1 ? kept[0] : MakeExpr(ExprKind::kList, std::move(kept));
}

// "(C) 15"
bool NamesOptionAndValue(const Tokens& tokens) {
  return tokens.size() > 3 && tokens[0].IsSymbol("(") && tokens[1].IsWord() &&
         tokens[1].text.size() == 1 && tokens[1].text[0] >= 'A' && tokens[1].text[0] <= 'E' &&
         tokens[2].IsSymbol(")") && tokens[3].kind != Kind::kSymbol;
}

ExprPtr Parsed(Tokens tokens, std::vector<std::string>& whole) {
  return AsTuple(WithMatricesWorkedOut(WithoutRanges(ParseAnswer(std::move(tokens)), whole)));
}

// sympy's Poly(x**2 + 1, x, domain='ZZ') as its expression.
std::string_view WithoutDomain(std::string_view answer) {
  const std::size_t domain = answer.find(", domain='");
  if (!answer.starts_with("Poly(") || domain == std::string_view::npos || !answer.ends_with("')")) {
    return answer;
  }
  return answer.substr(5, std::min(answer.find(", "), domain) - 5);
}

Reading ReadTokens(std::string_view written) {
  const std::string_view answer = WithoutDomain(written);
  Reading reading;
  reading.answer = answer;
  if (answer.size() > kMaxAnswer) return reading;
  Tokens tokens = TokenizeAnswer(answer);
  reading.options = OptionsOf(tokens);
  TrimTokens(tokens);
  reading.normal = NormalText(tokens);
  if (NamesOptionAndValue(tokens)) tokens.erase(tokens.begin(), tokens.begin() + 3);
  if ((reading.expr = DayOf(tokens))) return reading;
  Tokens read = WithWordsRead(tokens);
  if (CountWords(read) > 0 || (IsWordsOnly(read) && read[0].kind == Kind::kText)) {
    if (IsWordsOnly(tokens)) reading.expr = MeaningOf(tokens);
    return reading;
  }
  const auto any = [&](bool AnswerToken::*flag) {
    return std::any_of(read.begin(), read.end(), [&](const auto& t) { return t.*flag; });
  };
  reading.listed = any(&AnswerToken::listed);
  const bool separated = any(&AnswerToken::separated);
  reading.expr = Parsed(SpacedAsList(std::move(read)), reading.whole);
  if (separated) {
    Tokens split = TokenizeAnswer(answer, Thousands::kSplit);
    TrimTokens(split);
    std::vector<std::string> same;
    reading.split = Parsed(WithWordsRead(split), same);
  }
  return reading;
}

bool HasMarkup(std::string_view text) {
  return text.find("boxed") != std::string_view::npos ||
         text.find("</answer>") != std::string_view::npos;
}

bool IsPlainProse(std::string_view words) {
  return std::none_of(words.begin(), words.end(), IsDigit);
}

// The only formula of a sentence with few words around it, "Thus $x = 5$ is our answer", or "".
std::string OnlyFormula(std::string_view text) {
  const auto segments = MathSegments(text);
  if (segments.size() != 1) return "";
  const std::string_view formula = segments[0];
  std::string outside(text.substr(0, static_cast<std::size_t>(formula.data() - text.data())));
  outside += text.substr(outside.size() + formula.size());
  // "radius: 1, center: $(2,3)$" has more to say than its formula.
  if (!IsPlainProse(outside)) return "";
  return CountWords(TokenizeAnswer(outside)) <= kMaxWordsAround ? std::string(formula) : "";
}

// The value of a sentence, "the area is 5 cm", or "". What stands around it must be words without
// a doubt and may hold no number.
std::string InSentence(std::string_view text) {
  const std::string_view sentence = UnwrapAnswer(text);
  for (std::string_view verb : {" is ", " are ", " equals ", ": "}) {
    const std::size_t found = sentence.rfind(verb);
    if (found == std::string_view::npos) continue;
    const std::string_view subject = sentence.substr(0, found);
    const bool words = IsPlainProse(subject) && !HasDoubt(subject) &&
                       subject.find_first_of("+*/=<>^_\\") == std::string_view::npos;
    if (words) return std::string(sentence.substr(found + verb.size()));
  }
  return HasDoubt(text) ? "" : OnlyFormula(text);
}

// The answer that a gold in prose clearly names, or "".
std::string NamedByProse(std::string_view text) {
  const std::string lower = LowerCase(Trim(text));
  for (std::string_view reply : {"yes", "no", "not", "true", "false", "only", "if"}) {
    if (lower.starts_with(reply)) return "";
  }
  return OnlyFormula(text);
}

}  // namespace

Reading ReadAnswer(std::string_view bytes, AnswerSide side) {
  const std::string text = InAscii(bytes);
  if (HasMarkup(text)) {
    const Extracted found = ExtractFinalAnswer(text, Places::kAnnounced);
    if (found.answer.empty() && side == AnswerSide::kPredicted) return {};
    if (!found.answer.empty()) return ReadTokens(UnwrapAnswer(found.answer));
  }
  const Reading whole = ReadTokens(UnwrapAnswer(text));
  const bool words = whole.expr && whole.expr->kind == ExprKind::kText;
  if (whole.answer.empty() || (whole.expr && (!words || side == AnswerSide::kGold))) return whole;
  if (whole.answer.size() > kMaxAnswer) return whole;
  // A sentence with the answer in it.
  const Extracted found = ExtractFinalAnswer(text, Places::kAnnounced);
  const bool announced = found.rule == "answer-phrase";
  const std::string inner = announced                   ? found.answer
                            : side == AnswerSide::kGold ? NamedByProse(text)
                                                        : InSentence(text);
  // "The color is blue" stays words, "the correct option is B" does not.
  if (inner.empty() || (words && !announced && inner.size() > 1)) return whole;
  const Reading part = ReadTokens(UnwrapAnswer(inner));
  return part.expr || !part.options.letters.empty() ? part : whole;
}

}  // namespace gradus
