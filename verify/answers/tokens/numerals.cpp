#include "verify/answers/tokens/numerals.h"

#include <array>
#include <string_view>
#include <utility>

#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

using Worth = std::pair<std::string_view, long>;

constexpr Worth kSmall[] = {{"zero", 0},     {"one", 1},        {"two", 2},       {"three", 3},
                            {"four", 4},     {"five", 5},       {"six", 6},       {"seven", 7},
                            {"eight", 8},    {"nine", 9},       {"ten", 10},      {"eleven", 11},
                            {"twelve", 12},  {"thirteen", 13},  {"fourteen", 14}, {"fifteen", 15},
                            {"sixteen", 16}, {"seventeen", 17}, {"eighteen", 18}, {"nineteen", 19}};
constexpr Worth kTens[] = {{"twenty", 20}, {"thirty", 30},  {"forty", 40},  {"fifty", 50},
                           {"sixty", 60},  {"seventy", 70}, {"eighty", 80}, {"ninety", 90}};
constexpr Worth kScales[] = {{"hundred", 100},           {"thousand", 1000}, {"million", 1000000},
                             {"billion", 1000000000},    {"dozen", 12},      {"score", 20},
                             {"trillion", 1000000000000}};
constexpr Worth kParts[] = {
    {"half", 2},   {"halve", 2},     {"third", 3},    {"quarter", 4},     {"fourth", 4},
    {"fifth", 5},  {"sixth", 6},     {"seventh", 7},  {"eighth", 8},      {"ninth", 9},
    {"tenth", 10}, {"eleventh", 11}, {"twelfth", 12}, {"hundredth", 100}, {"thousandth", 1000}};

template <class Table>
long Find(const Table& table, std::string_view word) {
  for (const auto& [name, worth] : table) {
    if (name == word) return worth;
  }
  return -1;
}

enum class Plural { kNever, kMaybe };

class NumeralReader {
 public:
  NumeralReader(const std::vector<AnswerToken>& tokens, std::size_t at)
      : tokens_(tokens), from_(at), at_(at) {}

  std::optional<Numeral> Run() {
    std::optional<mpq_class> value = Fraction();
    if (!value) value = Cardinal();
    if (!value) return {};
    // "one and a half", "two and three quarters"
    const std::size_t whole_end = at_;
    const bool joined = Take("and");
    const auto part = joined && value->get_den() == 1 ? Fraction() : std::nullopt;
    if (part && *part < 1) {
      *value += *part;
    } else {
      at_ = whole_end;
    }
    if (!word_ || at_ == from_) return {};
    return Numeral{*value, at_ - from_};
  }

 private:
  // The word at a token in lower case and without its plural, or "".
  std::string Word(Plural plural) const {
    if (at_ >= tokens_.size()) return "";
    const AnswerToken& token = tokens_[at_];
    const bool letters =
        token.kind == AnswerToken::Kind::kLetters || token.kind == AnswerToken::Kind::kText;
    std::string word = letters ? LowerCase(token.text) : "";
    if (plural == Plural::kMaybe && word.size() > 4 && word.back() == 's') word.pop_back();
    return word;
  }

  bool Take(std::string_view word) {
    if (Word(Plural::kNever) != word) return false;
    ++at_;
    return true;
  }

  // A hyphen between two words of one number.
  void TakeHyphen() {
    const bool hyphen = at_ + 1 < tokens_.size() && tokens_[at_].IsSymbol("-") &&
                        !tokens_[at_].spaced && !tokens_[at_ + 1].spaced;
    if (hyphen) ++at_;
  }

  std::optional<mpq_class> Digits() const {
    if (at_ >= tokens_.size() || tokens_[at_].kind != AnswerToken::Kind::kNumber) return {};
    const std::string& text = tokens_[at_].text;
    const std::size_t point = text.find('.');
    if (text.size() > 30 || text.find('e') != std::string::npos || point == 0) return {};
    std::string digits = text;
    mpz_class scale = 1;
    if (point != std::string::npos) {
      digits.erase(point, 1);
      mpz_ui_pow_ui(scale.get_mpz_t(), 10, digits.size() - point);
    }
    mpq_class value(mpz_class(digits, 10), scale);
    value.canonicalize();
    return value;
  }

  // One to 99, or digits.
  std::optional<mpq_class> Small() {
    if (const auto digits = Digits()) {
      ++at_;
      return digits;
    }
    if (const long tens = Find(kTens, Word(Plural::kNever)); tens > 0) {
      ++at_;
      word_ = true;
      const std::size_t end = at_;
      TakeHyphen();
      const long ones = Find(kSmall, Word(Plural::kNever));
      if (ones < 1 || ones > 9) {
        at_ = end;
        return mpq_class(tens);
      }
      ++at_;
      return mpq_class(tens + ones);
    }
    const long small = Find(kSmall, Word(Plural::kNever));
    if (small < 0) return {};
    ++at_;
    word_ = true;
    return mpq_class(small);
  }

  // "three hundred and five thousand", "2.5 million", "a dozen"
  std::optional<mpq_class> Cardinal() {
    const std::size_t start = at_;
    mpq_class total = 0, current = 0;
    bool any = false;
    const bool article = Take("a") || Take("an");
    if (article) current = 1;
    while (at_ - start < 20) {
      const std::size_t end = at_;
      if (any) {
        Take("and");
        TakeHyphen();
      }
      if (const long scale = Find(kScales, Word(Plural::kMaybe));
          scale > 0 && (any || article || scale >= 100)) {
        Scale(scale, total, current);
        any = true;
      } else if (article && !any) {
        break;
      } else if (const auto small = Fits(any, current) ? Small() : std::nullopt) {
        current += *small;
        any = true;
      } else {
        at_ = end;
        break;
      }
    }
    if (!any) {
      at_ = start;
      return {};
    }
    return total + current;
  }

  // The word "thousand" or the like behind `current`.
  void Scale(long scale, mpq_class& total, mpq_class& current) {
    if (current == 0) current = 1;
    ++at_;
    word_ = true;
    current *= scale;
    if (scale < 1000) return;
    total += current;
    current = 0;
  }

  // "three hundred" goes on with "five", "five" with nothing.
  static bool Fits(bool any, const mpq_class& current) {
    return !any || current == 0 || (current.get_den() == 1 && current.get_num() % 100 == 0);
  }

  // "half", "two thirds", "3 quarters", "half a dozen"
  std::optional<mpq_class> Fraction() {
    const std::size_t start = at_;
    const bool word = word_;
    std::optional<mpq_class> count;
    if (Take("a") || Take("an") || Word(Plural::kNever) == "half") {
      count = 1;
    } else {
      count = Small();
    }
    TakeHyphen();
    const long part = count ? Find(kParts, Word(Plural::kMaybe)) : -1;
    if (part < 0 || count->get_den() != 1) {
      at_ = start;
      word_ = word;
      return {};
    }
    ++at_;
    word_ = true;
    mpq_class value = *count / part;
    const std::size_t end = at_;
    const long scale = Take("a") ? Find(kScales, Word(Plural::kNever)) : -1;
    if (scale > 0) {
      ++at_;
      return value * scale;
    }
    at_ = end;
    return value;
  }

  const std::vector<AnswerToken>& tokens_;
  std::size_t from_, at_;
  bool word_ = false;  // Something was said in words.
};

}  // namespace

std::optional<Numeral> NumeralAt(const std::vector<AnswerToken>& tokens, std::size_t at) {
  return NumeralReader(tokens, at).Run();
}

}  // namespace gradus
