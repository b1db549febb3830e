#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"

namespace gradus {
namespace {

constexpr std::size_t kColumns = 100;
constexpr std::size_t kCommentColumn = 36;

bool IsPlain(std::string_view text) {
  // Words that some YAML reader takes for something other than text.
  static constexpr std::string_view kTaken[] = {"true", "false", "null", "yes", "no",
                                                "on",   "off",   "y",    "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (std::find(std::begin(kTaken), std::end(kTaken), lower) != std::end(kTaken)) return false;
  const auto inside = [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '/' || c == '-' || c == '.';
  };
  const auto first = [](unsigned char c) { return std::isalpha(c) || c == '_' || c == '/'; };
  return !text.empty() && first(static_cast<unsigned char>(text[0])) &&
         std::all_of(text.begin(), text.end(), inside);
}

std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string Show(const std::string& text) { return IsPlain(text) ? text : Quoted(text); }
std::string Show(int value) { return fmt::format("{}", value); }
std::string Show(double value) {
  if (std::isinf(value)) return value > 0 ? ".inf" : "-.inf";
  return fmt::format("{}", value);
}

template <class T>
std::string ShowList(const std::vector<T>& values) {
  std::vector<std::string> shown;
  for (const T& value : values) shown.push_back(Show(value));
  return fmt::format("[{}]", fmt::join(shown, ", "));
}

template <class T>
std::string ShowOneOrList(const std::vector<T>& values) {
  Require(!values.empty(), "a setting per round has no value");
  return values.size() == 1 ? Show(values[0]) : ShowList(values);
}

class MapPrinter : public Settings {
 public:
  MapPrinter(std::string& text, bool comments, std::size_t depth)
      : text_(text), comments_(comments), indent_(2 * depth, ' ') {}

  void Field(const char* key, bool& value, const char* comment) override {
    Line(key, value ? "true" : "false", comment);
  }
  void Field(const char* key, int& value, Range, const char* comment) override {
    Line(key, Show(value), comment);
  }
  void Field(const char* key, std::uint64_t& value, const char* comment) override {
    Line(key, fmt::format("{}", value), comment);
  }
  void Field(const char* key, double& value, Range, const char* comment) override {
    Line(key, Show(value), comment);
  }
  void Field(const char* key, std::string& value, const char* comment) override {
    Line(key, Show(value), comment);
  }
  void Field(const char* key, std::vector<std::string>& value, const char* comment) override {
    Line(key, ShowList(value), comment);
  }
  void Field(const char* key, PerRound<int>& value, Range, const char* comment) override {
    Line(key, ShowOneOrList(value.values), comment);
  }
  void Field(const char* key, PerRound<double>& value, Range, const char* comment) override {
    Line(key, ShowOneOrList(value.values), comment);
  }
  void Names(const char* key, std::vector<int>& value, const std::vector<std::string>& names, bool,
             const char* comment) override {
    std::vector<std::string> shown;
    for (const int i : value) shown.push_back(names.at(static_cast<std::size_t>(i)));
    Line(key, ShowOneOrList(shown), fmt::format("{} ({})", comment, fmt::join(names, " | ")));
  }
  void Finish() override {}

 protected:
  std::unique_ptr<Settings> Enter(const char* key, const char* comment) override {
    if (comments_ && !text_.empty()) text_ += '\n';
    Above(comment);
    text_ += fmt::format("{}{}:\n", indent_, key);
    return std::make_unique<MapPrinter>(text_, comments_, indent_.size() / 2 + 1);
  }

 private:
  // The comment stands behind the value where it fits the line, else above.
  void Line(const char* key, const std::string& value, const std::string& comment) {
    std::string line = fmt::format("{}{}: {}", indent_, key, value);
    const std::size_t column = std::max(line.size() + 2, kCommentColumn);
    if (!comments_ || comment.empty()) {
      text_ += line + '\n';
    } else if (column + 2 + comment.size() <= kColumns) {
      line.resize(column, ' ');
      text_ += fmt::format("{}# {}\n", line, comment);
    } else {
      Above(comment);
      text_ += line + '\n';
    }
  }

  // Comment lines of their own, broken between words.
  void Above(const std::string& comment) {
    std::string_view rest = comments_ ? std::string_view(comment) : std::string_view();
    while (!rest.empty()) {
      std::size_t size = rest.size();
      if (indent_.size() + 2 + size > kColumns) {
        const std::size_t space = rest.rfind(' ', kColumns - indent_.size() - 2);
        if (space != std::string_view::npos && space > 0) size = space;
      }
      text_ += fmt::format("{}# {}\n", indent_, rest.substr(0, size));
      rest.remove_prefix(std::min(size + 1, rest.size()));
    }
  }

  std::string& text_;
  bool comments_;
  std::string indent_;
};

}  // namespace

struct SettingsPrinter::Page {
  explicit Page(bool comments) : root(text, comments, 0) {}
  std::string text;
  MapPrinter root;
};

SettingsPrinter::SettingsPrinter(Comments comments)
    : page_(std::make_unique<Page>(comments == Comments::kWith)) {}
SettingsPrinter::~SettingsPrinter() = default;

Settings& SettingsPrinter::root() { return page_->root; }
std::string SettingsPrinter::Text() const { return page_->text; }

}  // namespace gradus
