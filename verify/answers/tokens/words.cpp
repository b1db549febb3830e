#include "verify/answers/tokens/words.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/numerals.h"
#include "verify/answers/tokens/units.h"

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;
using Tokens = std::vector<AnswerToken>;
using Pair = std::pair<std::string_view, std::string_view>;

// Longest first where one begins another.
constexpr Pair kPhrases[] = {{"is greater than or equal to", ">="},
                             {"greater than or equal to", ">="},
                             {"is less than or equal to", "<="},
                             {"less than or equal to", "<="},
                             {"is greater than", ">"},
                             {"greater than", ">"},
                             {"is less than", "<"},
                             {"less than", "<"},
                             {"is at least", ">="},
                             {"at least", ">="},
                             {"is at most", "<="},
                             {"at most", "<="},
                             {"is not equal to", "\\ne"},
                             {"not equal to", "\\ne"},
                             {"is equal to", "="},
                             {"equals", "="},
                             {"is approximately", "\\approx"},
                             {"approximately", "\\approx"},
                             {"is about", "\\approx"},
                             {"about", "\\approx"},
                             {"roughly", "\\approx"},
                             {"plus or minus", "\\pm"},
                             {"plus", "+"},
                             {"minus", "-"},
                             {"negative", "-"},
                             {"positive", "+"},
                             {"multiplied by", "*"},
                             {"times", "*"},
                             {"divided by", "/"},
                             {"over", "/"},
                             {"out of", "/"},
                             {"squared", "^2"},
                             {"cubed", "^3"},
                             {"raised to the power of", "^"},
                             {"to the power of", "^"},
                             {"to the power", "^"},
                             {"factorial", "!"},
                             {"the square root of", "\\sqrt"},
                             {"square root of", "\\sqrt"},
                             {"the cube root of", "\\sqrt[3]"},
                             {"cube root of", "\\sqrt[3]"},
                             {"one half of", "\\frac12*"},
                             {"half of", "\\frac12*"},
                             {"twice", "2*"},
                             {"double", "2*"},
                             {"thrice", "3*"},
                             {"triple", "3*"},
                             {"choose", "choose"},
                             {"modulo", "\\bmod"},
                             {"mod", "\\bmod"},
                             {"percentage", "%"},
                             {"percent", "%"},
                             {"per cent", "%"},
                             {"pct", "%"},
                             {"degrees celsius", "degC"},
                             {"degrees fahrenheit", "degF"},
                             {"infinity", "\\infty"},
                             {"that is", "="},
                             {"i . e .", "="},
                             {"p . m .", "pm"},
                             {"a . m .", "am"},
                             {"p . m", "pm"},
                             {"a . m", "am"}};
// What may stand behind a value and says nothing of it.
constexpr std::array<std::string_view, 14> kRemarks = {
    "exactly",   "precisely", "in total", "total",      "altogether", "in all", "left",
    "remaining", "old",       "as well",  "in the end", "overall",    "only",   "respectively"};
// What ranges of variables are said with: "for any real c", "where n is an integer".
constexpr std::array<std::string_view, 6> kRangeStarts = {"for",  "where", "with",
                                                          "when", "given", "if"};
constexpr std::array<std::string_view, 26> kRangeWords = {
    "for",      "where",  "with",    "all",      "any",       "every",     "each",
    "some",     "is",     "are",     "an",       "a",         "the",       "real",
    "reals",    "number", "numbers", "constant", "constants", "arbitrary", "integer",
    "integers", "and",    "whole",   "values",   "of"};

template <class Table>
bool Contains(const Table& table, std::string_view word) {
  return std::find(table.begin(), table.end(), word) != table.end();
}

AnswerToken Symbol(std::string_view text) { return {Kind::kSymbol, std::string(text)}; }

class WordReader {
 public:
  explicit WordReader(const Tokens& tokens) : in_(tokens) {}

  Tokens Run() {
    while (at_ < in_.size()) Next();
    return std::move(out_);
  }

 private:
  void Next() {
    if (alternative_ > 0 && at_ == alternative_) {
      ++at_;
      return;
    }
    if (InSubscript()) return Copy();
    if (in_[at_].IsWord() || in_[at_].IsSymbol(",")) {
      if (Range()) return;
    }
    if (in_[at_].IsSymbol("(") && Bracketed()) return;
    if (in_[at_].kind == Kind::kNumber || in_[at_].IsWord()) {
      if (NumeralHere()) return;
    }
    if (!in_[at_].IsWord()) return UnitSign() ? void() : Copy();
    if (Remark() || Phrase() || Ratio()) return;
    Copy();
  }

  void Copy() { out_.push_back(in_[at_++]); }

  bool InSubscript() const {
    const auto below = [&](std::size_t i) { return i > 0 && in_[i - 1].IsSymbol("_"); };
    return below(at_) || (at_ > 0 && in_[at_ - 1].IsSymbol("{") && below(at_ - 1));
  }

  // How many tokens the words of a phrase take from a position on; 0 when they do not stand there.
  std::size_t Matches(std::string_view phrase, std::size_t at) const {
    std::size_t count = 0;
    while (!phrase.empty()) {
      const std::size_t end = std::min(phrase.find(' '), phrase.size());
      if (at + count >= in_.size() || LowerCase(in_[at + count].text) != phrase.substr(0, end)) {
        return 0;
      }
      const bool dot = phrase.substr(0, end) == ".";
      if (!dot && !in_[at + count].IsWord()) return 0;
      phrase.remove_prefix(std::min(end + 1, phrase.size()));
      ++count;
    }
    return count;
  }

  void Put(std::string_view spelled) {
    Tokens tokens = TokenizeAnswer(spelled);
    if (!tokens.empty()) tokens[0].spaced = true;
    out_.insert(out_.end(), tokens.begin(), tokens.end());
  }

  bool Phrase() {
    for (const auto& [phrase, spelled] : kPhrases) {
      const std::size_t count = Matches(phrase, at_);
      if (count == 0) continue;
      at_ += count;
      if (spelled == "choose") {
        out_.push_back(Symbol("choose"));
      } else {
        Put(spelled);
      }
      return true;
    }
    return false;
  }

  // "3 to 4" is a ratio between numbers only.
  bool Ratio() {
    const bool ratio = LowerCase(in_[at_].text) == "to" && !out_.empty() &&
                       out_.back().kind == Kind::kNumber && at_ + 1 < in_.size() &&
                       in_[at_ + 1].kind == Kind::kNumber;
    if (ratio) out_.push_back(Symbol(":"));
    at_ += ratio;
    return ratio;
  }

  bool NumeralHere() {
    const auto numeral = NumeralAt(in_, at_);
    if (!numeral) return false;
    const mpz_class &top = numeral->value.get_num(), &bottom = numeral->value.get_den();
    at_ += numeral->tokens;
    if (bottom == 1) {
      out_.push_back({Kind::kNumber, top.get_str(), true});
    } else {
      Put("(" + top.get_str() + "/" + bottom.get_str() + ")");
    }
    if (at_ + 1 < in_.size() && Matches("of", at_) > 0) {
      out_.push_back(Symbol("*"));
      ++at_;
    }
    return true;
  }

  bool Remark() {
    for (const std::string_view remark : kRemarks) {
      const std::size_t count = Matches(remark, at_);
      const bool here =
          out_.empty() ? remark == "exactly" || remark == "precisely" : at_ + count == in_.size();
      if (count == 0 || !here) continue;
      at_ += count;
      return true;
    }
    return false;
  }

  // Behind a value: "(in dollars)", "(metres)", "(exactly)", "(or 50%)", "(mod 7)".
  bool Bracketed() {
    std::size_t close = at_ + 1;
    while (close < in_.size() && !in_[close].IsSymbol(")") && !in_[close].IsSymbol("(")) ++close;
    if (out_.empty() || close + 1 != in_.size() || !in_[close].IsSymbol(")") || close < at_ + 2) {
      return false;
    }
    if (Matches("mod", at_ + 1) > 0) {
      Put("\\pmod(");
      at_ += 2;
      return true;
    }
    if (Matches("or", at_ + 1) > 0) {
      out_.push_back(Symbol("="));
      at_ += 2;
      alternative_ = close;
      return true;
    }
    const bool remark = std::any_of(kRemarks.begin(), kRemarks.end(), [&](std::string_view words) {
      return Matches(words, at_ + 1) + at_ + 1 == close;
    });
    const bool in = Matches("in", at_ + 1) > 0 && close > at_ + 2;
    if (!remark && !UnitsIn(at_ + 1 + in, close)) return false;
    at_ = close + 1;
    return true;
  }

  // Takes words that are all of a unit out of their brackets.
  bool UnitsIn(std::size_t from, std::size_t to) {
    Tokens units(in_.begin() + static_cast<std::ptrdiff_t>(from),
                 in_.begin() + static_cast<std::ptrdiff_t>(to));
    bool any = false;
    for (AnswerToken& token : units) {
      const bool unit =
          token.IsWord() && (!UnitName(token.text).empty() || !CountedNoun(token.text).empty());
      if (!unit && !token.IsSymbol("/") && !token.IsSymbol("^") && !token.IsWord("per") &&
          token.kind != Kind::kNumber) {
        return false;
      }
      any = any || unit;
      if (token.IsWord()) token.kind = Kind::kText;
    }
    if (any) out_.insert(out_.end(), units.begin(), units.end());
    return any;
  }

  // "µm", "kΩ" and "°C" are one sign each.
  bool UnitSign() {
    const AnswerToken& token = in_[at_];
    if (token.IsCommand("Omega") && !out_.empty() && out_.back().IsWord() &&
        out_.back().text.size() == 1 && !UnitName(out_.back().text + "Ω").empty()) {
      out_.back() = {Kind::kText, out_.back().text + "Ω", true};
      ++at_;
      return true;
    }
    const bool value = !out_.empty() && out_.back().kind == Kind::kNumber;
    if (token.IsCommand("Omega") && value) {
      out_.push_back({Kind::kText, "Ω", true});
      ++at_;
      return true;
    }
    if (at_ + 1 >= in_.size() || !in_[at_ + 1].IsWord()) return false;
    const std::string& next = in_[at_ + 1].text;
    if (token.IsCommand("mu") && value && !UnitName("µ" + next).empty()) {
      out_.push_back({Kind::kText, "µ" + next, true});
      at_ += 2;
      return true;
    }
    return false;
  }

  // A clause to the end of the answer that only says what its variables range over. Whole numbers
  // are told by a membership, as a formula would.
  bool Range() {
    std::size_t i = at_ + in_[at_].IsSymbol(",");
    if (out_.empty() || i >= in_.size() || !in_[i].IsWord() ||
        !Contains(kRangeStarts, LowerCase(in_[i].text))) {
      return false;
    }
    std::vector<std::string> variables;
    bool whole = false;
    for (++i; i < in_.size(); ++i) {
      const std::string word = LowerCase(in_[i].text);
      if (in_[i].IsWord() && in_[i].text.size() == 1 && word != "a") {
        variables.push_back(in_[i].text);
      } else if (in_[i].IsWord() && Contains(kRangeWords, word)) {
        whole = whole || word.starts_with("integer");
      } else if (in_[i].IsSymbol("in") && i + 1 < in_.size() && in_[i + 1].IsWord() &&
                 !variables.empty()) {
        whole = whole || in_[++i].text == "Z";
      } else if (in_[i].IsCommand("Reals") || in_[i].IsSymbol(",") || in_[i].IsSymbol(".")) {
        continue;
      } else {
        return false;
      }
    }
    if (variables.empty()) return false;
    at_ = in_.size();
    for (const std::string& name : whole ? variables : std::vector<std::string>{}) {
      Put("," + name + "\\in\\mathbb{Z}");
    }
    return true;
  }

  const Tokens& in_;
  std::size_t at_ = 0;
  std::size_t alternative_ = 0;  // Where the bracket of "(or 50%)" closes.
  Tokens out_;
};

}  // namespace

std::vector<AnswerToken> WithWordsRead(const std::vector<AnswerToken>& tokens) {
  return std::any_of(tokens.begin(), tokens.end(), [](const AnswerToken& t) { return t.IsWord(); })
             ? WordReader(tokens).Run()
             : tokens;
}

}  // namespace gradus
