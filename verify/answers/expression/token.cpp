#include "verify/answers/expression/token.h"

#include <algorithm>
#include <utility>

#include "verify/answers/expression/characters.h"
#include "verify/answers/expression/spelling.h"

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;

class Tokenizer {
 public:
  Tokenizer(std::string_view text, Thousands rule) : text_(text), rule_(rule) {}

  std::vector<AnswerToken> Run() {
    while (at_ < text_.size()) Next();
    return std::move(tokens_);
  }

 private:
  void Next() {
    const char c = text_[at_];
    if (IsSpace(c) || c == '~' || c == '$') {
      spaced_ = true;
      ++at_;
    } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      Number();
    } else if (IsLetter(c)) {
      Letters();
    } else if (c == '\\') {
      Command();
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      Unicode();
    } else {
      Punctuation();
    }
  }

  char Peek(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool StartsWith(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }

  void Add(Kind kind, std::string_view text, bool separated = false) {
    tokens_.push_back({kind, std::string(text), std::exchange(spaced_, false), separated, false});
  }

  void AddSymbol(std::string_view symbol) {
    if (symbol == "(" || symbol == "[" || symbol == "\\{") ++depth_;
    if (symbol == ")" || symbol == "]" || symbol == "\\}") depth_ = std::max(0, depth_ - 1);
    Add(Kind::kSymbol, symbol);
  }

  void Digits(std::string& digits) {
    while (IsDigit(Peek(0))) digits += text_[at_++];
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

  // Length of a thousands separator here that is followed by exactly three digits, or 0. Inside
  // brackets a bare comma separates the elements of a tuple.
  std::size_t Separator() const {
    if (const std::size_t n = BracedComma(); n > 0 && ThreeDigitsAt(n)) return n;
    for (std::string_view separator :
         {",\\!", ",\\,", "\\,", "\\!", ",", " ", "\u202F", "\u2009"}) {
      if (!StartsWith(separator)) continue;
      if (separator == "," && (depth_ > 0 || rule_ == Thousands::kSplit)) continue;
      const std::size_t n = separator.size();
      if (ThreeDigitsAt(n) && (separator != " " || Peek(n + 3) != '/')) return n;
    }
    return 0;
  }

  void Number() {
    std::string number;
    bool separated = false;
    Digits(number);
    if (!number.empty() && number.size() <= 3 && number[0] != '0') {
      while (const std::size_t separator = Separator()) {
        separated = true;
        at_ += separator;
        Digits(number);
      }
    }
    if (Peek(0) == '.' && !number.empty() && StartsWith(".\\overline")) number += text_[at_++];
    if (Peek(0) == '.' && IsDigit(Peek(1))) {
      number += text_[at_++];
      Digits(number);
    }
    Exponent(number);
    Add(Kind::kNumber, number, separated);
  }

  // "e-5" directly behind a number, when no letter follows.
  void Exponent(std::string& number) {
    if (Peek(0) != 'e' && Peek(0) != 'E') return;
    std::size_t n = Peek(1) == '+' || Peek(1) == '-' ? 2 : 1;
    if (!IsDigit(Peek(n))) return;
    while (IsDigit(Peek(n))) ++n;
    if (IsLetter(Peek(n))) return;
    number += 'e';
    number += text_.substr(at_ + 1, n - 1);
    at_ += n;
  }

  void Letters() {
    const std::size_t from = at_;
    while (IsLetter(Peek(0))) ++at_;
    Add(Kind::kLetters, text_.substr(from, at_ - from));
  }

  void Unicode() {
    const Respelled known = RespellUnicode(text_.substr(at_));
    if (known.bytes == 0) {
      std::size_t n = 1;
      while ((static_cast<unsigned char>(Peek(n)) & 0xC0) == 0x80 && n < 4) ++n;
      Add(Kind::kSymbol, text_.substr(at_, n));
      at_ += n;
      return;
    }
    Splice(known.ascii);
    at_ += known.bytes;
  }

  void Punctuation() {
    static constexpr std::pair<std::string_view, std::string_view> kLong[] = {
        {"...", "..."}, {"**", "^"},  {"<=", "<="}, {">=", ">="},  {"=>", ">="},
        {"=<", "<="},   {"!=", "!="}, {"==", "="},  {"+/-", "+-"}, {"||", "||"}};
    for (const auto& [from, to] : kLong) {
      if (!StartsWith(from)) continue;
      at_ += from.size();
      AddSymbol(to);
      tokens_.back().doubled = from == "**";
      return;
    }
    AddSymbol(text_.substr(at_++, 1));
  }

  std::string_view Name(std::size_t from) const {
    std::size_t end = from;
    while (end < text_.size() && IsLetter(text_[end])) ++end;
    return text_.substr(from, end - from);
  }

  void Command() {
    if (Peek(1) == '\\') {
      // "\\": a new row, or the backslash of a command that was escaped twice.
      if (IsCommonCommand(Name(at_ + 2)) ||
          ((Peek(2) == '{' || Peek(2) == '}') && environments_ == 0)) {
        ++at_;
      } else {
        at_ += 2;
        if (environments_ > 0) return Add(Kind::kSymbol, "newline");
        spaced_ = true;
        return;
      }
    }
    std::string_view name = Name(at_ + 1);
    if (name.empty()) name = text_.substr(std::min(at_ + 1, text_.size()), 1);
    at_ += 1 + name.size();
    Command(name);
  }

  void Command(std::string_view name) {
    if (name == "begin" || name == "end") return Environment(name == "begin");
    if (IsTextCommand(name)) return Text();
    if (name == "mathbb") return BlackboardBold();
    if (name == "left" || name == "right") {
      if (Peek(0) == '.') ++at_;
      spaced_ = true;
    } else if (const auto symbol = SymbolOfCommand(name); !symbol.empty()) {
      AddSymbol(symbol);
    } else if (IsLayoutCommand(name) || name == "$" || name.empty()) {
      spaced_ = true;
    } else if (name == "dfrac" || name == "tfrac" || name == "cfrac") {
      Add(Kind::kCommand, "frac");
    } else if (IsLetter(name[0])) {
      Add(Kind::kCommand, name);
    } else {
      spaced_ = true;
    }
  }

  // The argument in braces at the reading position, or nothing.
  std::string_view Argument() {
    while (Peek(0) == ' ') ++at_;
    if (Peek(0) != '{') return "";
    const std::size_t end = std::min(AfterClosingBrace(text_, at_), text_.size() + 1);
    const std::string_view argument = text_.substr(at_ + 1, end - at_ - 2);
    at_ = std::min(end, text_.size());
    return argument;
  }

  void Environment(bool begin) {
    const std::string_view name = Argument();
    environments_ = std::max(0, environments_ + (begin ? 1 : -1));
    if (begin && name.starts_with("array")) Argument();  // The alignment of the columns.
    Add(begin ? Kind::kBegin : Kind::kEnd, name);
  }

  void BlackboardBold() {
    while (Peek(0) == ' ') ++at_;
    std::string_view letter;
    if (Peek(0) == '{') {
      letter = Argument();
    } else if (at_ < text_.size()) {
      letter = text_.substr(at_++, 1);
    }
    if (letter == "R") return Add(Kind::kCommand, "Reals");
    Add(Kind::kText, letter);
  }

  void Text() {
    std::string content;
    for (char c : Argument()) content += c == '~' || c == '\\' || c == '$' ? ' ' : c;
    const std::string_view trimmed = Trim(content);
    if (trimmed.empty()) {
      spaced_ = true;
    } else if (!FunctionName(trimmed).empty() && !(BehindValue() && !UnitName(trimmed).empty())) {
      Add(Kind::kCommand, trimmed);
    } else if (std::none_of(trimmed.begin(), trimmed.end(), IsLetter) || trimmed[0] == '(' ||
               IsDigit(trimmed[0])) {
      Splice(trimmed);  // \text{13}, \text{(B)}
    } else {
      Add(Kind::kText, trimmed);
    }
  }

  // Whether a unit could stand here: "min" and "sec" are functions elsewhere.
  bool BehindValue() const {
    return !tokens_.empty() &&
           (tokens_.back().kind == Kind::kNumber || tokens_.back().IsSymbol("}"));
  }

  // Reads a text in place of what stood here.
  void Splice(std::string_view text) {
    Tokenizer inner(text, rule_);
    inner.depth_ = depth_;
    for (AnswerToken& token : inner.Run()) {
      token.spaced = std::exchange(spaced_, false) || token.spaced;
      tokens_.push_back(std::move(token));
    }
    depth_ = inner.depth_;
    spaced_ = spaced_ || inner.spaced_;
  }

  std::string_view text_;
  Thousands rule_;
  std::size_t at_ = 0;
  bool spaced_ = false;
  int depth_ = 0;         // Open brackets.
  int environments_ = 0;  // Open \begin.
  std::vector<AnswerToken> tokens_;
};

}  // namespace

std::vector<AnswerToken> TokenizeAnswer(std::string_view text, Thousands rule) {
  return Tokenizer(text, rule).Run();
}

std::size_t AfterClosingBrace(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

}  // namespace gradus
