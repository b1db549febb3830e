#include "verify/answers/tokens/number_spelling.h"

#include <gmpxx.h>

#include <algorithm>

#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

class NumberReader {
 public:
  NumberReader(std::string_view text, Thousands rule) : text_(text), rule_(rule) {}

  NumberSpelling Run() {
    if (!InRadix() && !InOtherGroups()) Decimal();
    number_.bytes = at_;
    return std::move(number_);
  }

 private:
  char Peek(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool StartsWith(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }

  void Digits() {
    while (IsDigit(Peek(0))) number_.digits += text_[at_++];
  }

  // Length of "{,}" with blanks anywhere, or 0.
  std::size_t BracedComma() const {
    std::size_t n = 0;
    for (const char expected : {'{', ',', '}'}) {
      while (Peek(n) == ' ') ++n;
      if (Peek(n) != expected) return 0;
      ++n;
    }
    return n;
  }

  bool ThreeDigitsAt(std::size_t n) const {
    return IsDigit(Peek(n)) && IsDigit(Peek(n + 1)) && IsDigit(Peek(n + 2)) &&
           !IsDigit(Peek(n + 3));
  }

  // Length of a thousands separator here that is followed by exactly three digits, or 0.
  std::size_t Separator() const {
    if (const std::size_t n = BracedComma(); n > 0 && ThreeDigitsAt(n)) return n;
    for (std::string_view separator : {",\\!", ",\\,", "\\,", "\\!", ",", " ", "'"}) {
      if (!StartsWith(separator)) continue;
      if (separator == "," && rule_ == Thousands::kSplit) continue;
      const std::size_t n = separator.size();
      if (ThreeDigitsAt(n) && (separator != " " || Peek(n + 3) != '/')) return n;
    }
    return 0;
  }

  // "1.000.000" and "10,00,000": groups of which the last has three digits, at least two
  // separators. The length, or 0.
  std::size_t OtherGroups(char separator, std::size_t inner) const {
    std::size_t n = 0;
    while (IsDigit(Peek(n))) ++n;
    if (n == 0 || n > inner || Peek(0) == '0') return 0;
    int groups = 0;
    while (Peek(n) == separator) {
      std::size_t digits = 0;
      while (IsDigit(Peek(n + 1 + digits))) ++digits;
      n += 1 + digits;
      ++groups;
      if (digits == 3 && Peek(n) != separator) return groups >= 2 && Peek(n) != '.' ? n : 0;
      if (digits != inner) return 0;
    }
    return 0;
  }

  bool InOtherGroups() {
    if (rule_ == Thousands::kSplit) return false;
    const std::size_t length = std::max(OtherGroups('.', 3), OtherGroups(',', 2));
    if (length == 0) return false;
    number_.digits = text_.substr(0, length);
    std::erase_if(number_.digits, [](char c) { return !IsDigit(c); });
    number_.separated = true;
    at_ = length;
    return true;
  }

  // Python's 0x1F, 0b11, 0o17.
  bool InRadix() {
    const char kind = LowerCase(Peek(1));
    const int radix = kind == 'x' ? 16 : kind == 'b' ? 2 : kind == 'o' ? 8 : 0;
    if (Peek(0) != '0' || radix == 0) return false;
    std::size_t n = 2;
    while (IsDigit(Peek(n)) || IsLetter(Peek(n))) ++n;
    mpz_class value;
    if (n < 3 || n > 66 || value.set_str(std::string(text_.substr(2, n - 2)), radix) != 0) {
      return false;
    }
    number_.digits = value.get_str();
    at_ = n;
    return true;
  }

  void Decimal() {
    std::string& digits = number_.digits;
    Digits();
    if (!digits.empty() && digits.size() <= 3 && digits[0] != '0') {
      while (const std::size_t separator = Separator()) {
        number_.listed = (number_.separated ? number_.listed : digits.size() == 3) &&
                         separator == 1 && Peek(0) == ',' && Peek(1) != '0';
        number_.separated = true;
        at_ += separator;
        Digits();
      }
    }
    const bool repeats = StartsWith(".\\overline") || StartsWith(".\\bar") ||
                         StartsWith(".\\dot") || (StartsWith(".(") && IsDigit(Peek(2)));
    if (repeats && !digits.empty()) digits += text_[at_++];
    if (Peek(0) == '.' && IsDigit(Peek(1))) {
      digits += text_[at_++];
      Digits();
    }
    Exponent();
  }

  // "e-5" directly behind a number, when no letter follows.
  void Exponent() {
    if (Peek(0) != 'e' && Peek(0) != 'E') return;
    std::size_t n = Peek(1) == '+' || Peek(1) == '-' ? 2 : 1;
    if (!IsDigit(Peek(n))) return;
    while (IsDigit(Peek(n))) ++n;
    if (IsLetter(Peek(n))) return;
    number_.digits += 'e';
    number_.digits += text_.substr(at_ + 1, n - 1);
    at_ += n;
  }

  std::string_view text_;
  Thousands rule_;
  std::size_t at_ = 0;
  NumberSpelling number_;
};

}  // namespace

NumberSpelling ReadNumber(std::string_view text, Thousands rule) {
  return NumberReader(text, rule).Run();
}

std::size_t DateLength(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t from = at;
    while (at < text.size() && IsDigit(text[at])) ++at;
    return at++ - from;
  };
  const std::size_t first = digits();
  const char mark = at <= text.size() ? text[at - 1] : '\0';
  const std::size_t second = digits();
  const bool again = at <= text.size() && text[at - 1] == mark;
  const std::size_t third = digits();
  const bool year_first = first == 4 && second == 2 && third == 2;
  const bool year_last = first <= 2 && second <= 2 && third == 4 && mark == '/';
  const bool date = again && (mark == '-' || mark == '/') && (year_first || year_last);
  return date ? at - 1 : 0;
}

}  // namespace gradus
