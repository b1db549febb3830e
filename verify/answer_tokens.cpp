#include "verify/answer_tokens.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;

constexpr int kMaxWrappers = 32;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// Spacing, sizing and style: nothing of the meaning.
constexpr std::array<std::string_view, 24> kIgnoredCommands = {
    "left", "right", "big",   "Big",          "bigl",      "bigr",   "Bigl",     "Bigr", "bigg",
    "Bigg", "quad",  "qquad", "displaystyle", "textstyle", "limits", "nolimits", ",",    "!",
    ";",    ":",     " ",     "hspace",       "thinspace", "enspace"};
constexpr std::array<std::string_view, 9> kTextCommands = {
    "text", "mathrm", "textbf", "mathbf", "textit", "mbox", "textrm", "operatorname", "texttt"};
constexpr std::array<std::string_view, 3> kBoxes = {"\\boxed{", "\\fbox{", "\\text{"};
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kSynonyms = {{
    {"dfrac", "frac"},
    {"tfrac", "frac"},
    {"cfrac", "frac"},
    {"ge", "geq"},
    {"le", "leq"},
    {"ne", "neq"},
    {"to", "rightarrow"},
    {"geqslant", "geq"},
    {"leqslant", "leq"},
    {"lbrace", "{"},
}};
// LaTeX and Unicode spellings of symbols.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kSymbolSpellings = {{
    {"\\cdot", "*"},
    {"\\times", "*"},
    {"\\ast", "*"},
    {"\\div", "/"},
    {"\\%", "%"},
    {"\\$", "$"},
    {"\\circ", "°"},
    {"\\degree", "°"},
    {"\\lvert", "|"},
    {"−", "-"},
    {"×", "*"},
    {"÷", "/"},
    {"º", "°"},
}};

template <class Table>
bool Contains(const Table& table, std::string_view item) {
  return std::find(table.begin(), table.end(), item) != table.end();
}

template <class Table>
std::string_view Translate(const Table& table, std::string_view item) {
  for (const auto& [from, to] : table) {
    if (from == item) return to;
  }
  return item;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// Removes `open` and `close` when they enclose the text and neither occurs inside.
bool StripPair(std::string_view& text, std::string_view open, std::string_view close) {
  if (text.size() < open.size() + close.size() || !text.starts_with(open) ||
      !text.ends_with(close)) {
    return false;
  }
  const auto inner = text.substr(open.size(), text.size() - open.size() - close.size());
  if (inner.find(close) != std::string_view::npos) return false;
  text = inner;
  return true;
}

bool StripBox(std::string_view& text) {
  for (std::string_view box : kBoxes) {
    if (!text.starts_with(box)) continue;
    if (AfterClosingBrace(text, box.size() - 1) != text.size()) return false;
    text = text.substr(box.size(), text.size() - box.size() - 1);
    return true;
  }
  return false;
}

bool StripDot(std::string_view& text) {
  if (text.size() < 2 || text.back() != '.' || text.ends_with("..")) return false;
  text.remove_suffix(1);
  return true;
}

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  std::vector<AnswerToken> Run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (IsSpace(c) || c == '~') {
        space_ = true;
        ++at_;
      } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
        Number();
      } else if (IsLetter(c)) {
        const std::size_t from = at_;
        while (at_ < text_.size() && IsLetter(text_[at_])) ++at_;
        Add(Kind::kWord, std::string(text_.substr(from, at_ - from)));
      } else if (c == '\\') {
        Command();
      } else {
        Symbol();
      }
    }
    return std::move(tokens_);
  }

 private:
  char Peek(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  void Add(Kind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), std::exchange(space_, false)});
  }

  // "°", "^\\circ" and "^{\\circ}" are one token.
  void AddDegree() {
    const auto last_is = [&](std::size_t back, std::string_view symbol) {
      return tokens_.size() >= back && tokens_[tokens_.size() - back].IsSymbol(symbol);
    };
    if (last_is(1, "{") && last_is(2, "^") && Peek(0) == '}') {
      tokens_.pop_back();
      ++at_;
    }
    if (last_is(1, "^")) tokens_.pop_back();
    Add(Kind::kSymbol, "°");
  }

  void AddSymbol(std::string_view spelled) {
    const std::string_view symbol = Translate(kSymbolSpellings, spelled);
    symbol == "°" ? AddDegree() : Add(Kind::kSymbol, std::string(symbol));
  }

  void Digits(std::string& digits) {
    while (IsDigit(Peek(0))) digits += text_[at_++];
  }

  // Length of a thousands separator here that is followed by exactly three digits, or 0.
  std::size_t Separator() const {
    for (std::string_view separator : {"{,}", ",\\!", "\\,", "\\!", ","}) {
      if (!text_.substr(at_).starts_with(separator)) continue;
      const std::size_t n = separator.size();
      if (IsDigit(Peek(n)) && IsDigit(Peek(n + 1)) && IsDigit(Peek(n + 2)) &&
          !IsDigit(Peek(n + 3))) {
        return n;
      }
    }
    return 0;
  }

  void Number() {
    std::string number;
    Digits(number);
    // Inside brackets a comma separates the elements of a tuple.
    if (number.size() <= 3 && !number.empty() && depth_ == 0) {
      while (const std::size_t separator = Separator()) {
        at_ += separator;
        Digits(number);
      }
    }
    if (Peek(0) == '.' && (IsDigit(Peek(1)) || !number.empty()) && Peek(1) != '.') {
      number += text_[at_++];
      Digits(number);
    }
    Exponent(number);
    Add(Kind::kNumber, std::move(number));
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

  void Command() {
    const std::size_t from = at_++;
    if (IsLetter(Peek(0))) {
      while (IsLetter(Peek(0))) ++at_;
    } else if (at_ < text_.size()) {
      ++at_;
    }
    const std::string_view spelled = text_.substr(from, at_ - from);
    const std::string_view name = spelled.substr(1);
    if (Contains(kIgnoredCommands, name)) {
      space_ = true;
    } else if (Contains(kTextCommands, name) && Peek(0) == '{') {
      const std::size_t end = AfterClosingBrace(text_, at_);
      const std::size_t stop = end == std::string_view::npos ? text_.size() + 1 : end;
      Add(Kind::kText, std::string(Trim(text_.substr(at_ + 1, stop - at_ - 2))));
      at_ = std::min(stop, text_.size());
    } else if (const auto symbol = Translate(kSymbolSpellings, spelled); symbol != spelled) {
      AddSymbol(symbol);
    } else {
      Add(Kind::kCommand, std::string(Translate(kSynonyms, name)));
      Bracket(name.empty() ? ' ' : name[0], name.size() == 1);
    }
  }

  void Symbol() {
    const std::size_t from = at_++;
    while (at_ < text_.size() && (static_cast<unsigned char>(text_[at_]) & 0xC0) == 0x80) ++at_;
    const std::string_view symbol = text_.substr(from, at_ - from);
    Bracket(symbol[0], symbol[0] != '{' && symbol[0] != '}');
    // Python's power.
    if (symbol == "*" && Peek(0) == '*') {
      ++at_;
      return Add(Kind::kSymbol, "^");
    }
    AddSymbol(symbol);
  }

  void Bracket(char c, bool counts) {
    if (!counts) return;
    if (c == '(' || c == '[' || c == '{') ++depth_;
    if ((c == ')' || c == ']' || c == '}') && depth_ > 0) --depth_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;  // Of brackets that may hold a list.
  bool space_ = false;
  std::vector<AnswerToken> tokens_;
};

bool IsSingle(const AnswerToken& token) {
  return token.kind == Kind::kCommand || token.text.size() == 1;
}

}  // namespace

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

std::string_view UnwrapAnswer(std::string_view text) {
  for (int i = 0; i < kMaxWrappers; ++i) {
    text = Trim(text);
    if (!StripPair(text, "$$", "$$") && !StripPair(text, "$", "$") &&
        !StripPair(text, "\\(", "\\)") && !StripPair(text, "\\[", "\\]") && !StripBox(text) &&
        !StripDot(text)) {
      break;
    }
  }
  return Trim(text);
}

std::vector<AnswerToken> TokenizeAnswer(std::string_view text) { return Tokenizer(text).Run(); }

std::string NormalText(const std::vector<AnswerToken>& tokens) {
  std::string normal;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    // Braces around one character are optional in LaTeX: x^{2} is x^2.
    const bool braced = i + 2 < tokens.size() && tokens[i].IsSymbol("{") &&
                        IsSingle(tokens[i + 1]) && tokens[i + 2].IsSymbol("}") &&
                        !tokens[i + 1].IsSymbol("{") && !tokens[i + 1].IsSymbol("}");
    const AnswerToken& token = tokens[braced ? i + 1 : i];
    if (token.kind == Kind::kCommand) normal += '\\';
    normal += token.text;
    if (token.kind == Kind::kCommand) normal += ' ';
    if (braced) i += 2;
  }
  return normal;
}

}  // namespace gradus
