#include "verify/answers/tokens/token.h"

#include <utf8proc.h>

#include <algorithm>
#include <utility>

#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/number_spelling.h"
#include "verify/answers/tokens/spelling.h"
#include "verify/answers/tokens/units.h"

namespace gradus {
namespace {

using Kind = AnswerToken::Kind;

class Tokenizer {
 public:
  Tokenizer(std::string_view text, Thousands rule)
      : text_(text), rule_(rule), delimited_(std::count(text.begin(), text.end(), '$') % 2 == 0) {}

  std::vector<AnswerToken> Run() {
    while (at_ < text_.size()) Next();
    return std::move(tokens_);
  }

 private:
  void Next() {
    const char c = text_[at_];
    if (c == '$' && !delimited_ && (IsDigit(Peek(1)) || Peek(1) == '.')) {
      AddSymbol("$");
      ++at_;
    } else if (IsSpace(c) || c == '~' || c == '$') {
      spaced_ = true;
      ++at_;
    } else if (IsDigit(c) || (c == '.' && IsDigit(Peek(1)))) {
      if (!Date()) Number();
    } else if (IsLetter(c)) {
      Letters();
    } else if (c == '\\') {
      Command();
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      Unicode();
    } else if ((c == '\'' || c == '"') && Quoted()) {
    } else {
      Punctuation();
    }
  }

  char Peek(std::size_t ahead) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool StartsWith(std::string_view prefix) const { return text_.substr(at_).starts_with(prefix); }

  void Add(Kind kind, std::string_view text) {
    tokens_.push_back({kind, std::string(text), std::exchange(spaced_, false)});
  }

  void AddSymbol(std::string_view symbol) {
    if (symbol == "(" || symbol == "[" || symbol == "\\{") ++depth_;
    if (symbol == ")" || symbol == "]" || symbol == "\\}") depth_ = std::max(0, depth_ - 1);
    Add(Kind::kSymbol, symbol);
  }

  void Number() {
    const bool split = depth_ > 0 || rule_ == Thousands::kSplit;
    const NumberSpelling number =
        ReadNumber(text_.substr(at_), split ? Thousands::kSplit : Thousands::kJoin);
    at_ += number.bytes;
    Add(Kind::kNumber, number.digits);
    tokens_.back().separated = number.separated;
    tokens_.back().listed = number.listed;
  }

  // The name of a day is never worked out.
  bool Date() {
    const std::size_t length =
        at_ > 0 && !IsSpace(text_[at_ - 1]) ? 0 : DateLength(text_.substr(at_));
    if (length > 0) Add(Kind::kText, text_.substr(at_, length));
    at_ += length;
    return length > 0;
  }

  // A text in Python's quotes stands where a value would.
  bool Quoted() {
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (!ValueExpected() || end == std::string_view::npos || end == at_ + 1) return false;
    const std::string_view inner = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    Words(inner);
    return true;
  }

  void Letters() {
    const std::size_t from = at_;
    while (IsLetter(Peek(0))) ++at_;
    const std::string_view run = text_.substr(from, at_ - from);
    if (PythonName(from)) return;
    // "1.5 x 10^3"
    const std::size_t next = std::min(text_.find_first_not_of(' ', at_), text_.size());
    const bool scale =
        text_.substr(next).starts_with("10^") || text_.substr(next).starts_with("10*");
    if ((run == "x" || run == "X") && scale && !tokens_.empty() &&
        tokens_.back().kind == Kind::kNumber) {
      return AddSymbol("*");
    }
    Add(Kind::kLetters, run);
  }

  // Names of Python's that stand around a value and say only how it was stored.
  bool PythonName(std::size_t from) {
    static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
        {"dict_values(", "list"},
        {"dict_keys(", "list"},
        {"np.array(", "array"},
        {"numpy.array(", "array"},
        {"np.float64(", ""},
        {"np.int64(", ""},
        {"Point2D(", ""},
        {"Point3D(", ""},
        {"math.", ""},
        {"sympy.", ""},
        {"sp.", ""},
        {"S.", ""}};
    for (const auto& [name, meaning] : kNames) {
      if (!text_.substr(from).starts_with(name)) continue;
      if (name.ends_with('.') &&
          (from + name.size() >= text_.size() || !IsLetter(text_[from + name.size()])))
        continue;
      at_ = from + name.size() - name.ends_with('(');
      if (!meaning.empty()) Add(Kind::kLetters, meaning);
      return true;
    }
    return false;
  }

  // What has no ASCII spelling: words of other scripts, and signs.
  void Unicode() {
    const std::size_t from = at_;
    while (const std::size_t n = LetterAt()) at_ += n;
    if (at_ > from) return Add(Kind::kLetters, text_.substr(from, at_ - from));
    std::size_t n = 1;
    while ((static_cast<unsigned char>(Peek(n)) & 0xC0) == 0x80 && n < 4) ++n;
    AddSymbol(text_.substr(at_, n));
    at_ += n;
  }

  // Bytes of the letter beyond ASCII at the reading position, or 0.
  std::size_t LetterAt() const {
    if (static_cast<unsigned char>(Peek(0)) < 0x80) return 0;
    utf8proc_int32_t point = -1;
    const auto length = utf8proc_iterate(
        reinterpret_cast<const utf8proc_uint8_t*>(text_.data() + at_),
        static_cast<utf8proc_ssize_t>(std::min<std::size_t>(4, text_.size() - at_)), &point);
    if (length <= 0) return 0;
    const auto category = utf8proc_category(point);
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO
               ? static_cast<std::size_t>(length)
               : 0;
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
    if (text_[at_] == '<' && VectorAhead()) {
      AddSymbol("(");
      vector_end_ = text_.find('>', at_++);
      return;
    }
    if (at_ == vector_end_) {
      ++at_;
      return AddSymbol(")");
    }
    AddSymbol(text_.substr(at_++, 1));
  }

  bool ValueExpected() const {
    return tokens_.empty() ||
           (tokens_.back().kind == Kind::kSymbol &&
            std::string_view("([{,:=").find(tokens_.back().text) != std::string_view::npos);
  }

  // "<3, -1>" where a value is expected.
  bool VectorAhead() const {
    const std::size_t end = text_.find('>', at_);
    if (end == std::string_view::npos || !ValueExpected()) return false;
    const std::string_view inner = text_.substr(at_ + 1, end - at_ - 1);
    return inner.find(',') != std::string_view::npos &&
           inner.find_first_of("<=") == std::string_view::npos;
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
    if (UnitVector(name)) return;
    if (name == "$") return AddSymbol("$");
    if (name == "left" || name == "right") {
      if (Peek(0) == '.') ++at_;
      spaced_ = true;
    } else if (const auto symbol = SymbolOfCommand(name); !symbol.empty()) {
      AddSymbol(symbol);
    } else if (IsLayoutCommand(name) || name.empty()) {
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

  // \mathbf{i}, \hat{\jmath}: a unit vector.
  bool UnitVector(std::string_view name) {
    static constexpr std::string_view kMarks[] = {"mathbf",  "boldsymbol", "bm",    "hat",
                                                  "widehat", "vec",        "textbf"};
    if (std::find(std::begin(kMarks), std::end(kMarks), name) == std::end(kMarks)) return false;
    for (const auto& [spelled, axis] :
         {std::pair{"{i}", "i"}, std::pair{"{j}", "j"}, std::pair{"{k}", "k"},
          std::pair{"{\\imath}", "i"}, std::pair{"{\\jmath}", "j"}, std::pair{" i", "i"},
          std::pair{" j", "j"}, std::pair{" k", "k"}}) {
      if (!StartsWith(spelled) || (spelled[0] == ' ' && IsLetter(Peek(2)))) continue;
      at_ += std::string_view(spelled).size();
      Add(Kind::kCommand, std::string("unit_") + axis);
      return true;
    }
    return false;
  }

  void Text() {
    std::string content;
    for (char c : Argument()) content += c == '~' || c == '\\' || c == '$' ? ' ' : c;
    const std::string_view trimmed = Trim(content);
    if (trimmed.empty()) {
      spaced_ = true;
    } else if (!FunctionName(trimmed).empty() && !(BehindValue() && !UnitName(trimmed).empty())) {
      Add(Kind::kCommand, trimmed);
    } else {
      Words(trimmed);
    }
  }

  // What stands in a text: letters there are words, never products; all else as anywhere.
  void Words(std::string_view text) {
    const std::size_t from = tokens_.size();
    spaced_ = true;
    Splice(text);
    for (std::size_t i = from; i < tokens_.size(); ++i) {
      if (tokens_[i].kind == Kind::kLetters) tokens_[i].kind = Kind::kText;
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
  bool delimited_;  // Dollar signs come in pairs around formulas.
  std::size_t at_ = 0;
  bool spaced_ = false;
  int depth_ = 0;                                    // Open brackets.
  int environments_ = 0;                             // Open \begin.
  std::size_t vector_end_ = std::string_view::npos;  // Of "<3, -1>".
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
