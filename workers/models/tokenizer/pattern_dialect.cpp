#include "workers/models/tokenizer/pattern_dialect.h"

#include <fmt/format.h>

#include "schemas/base/error.h"
#include "workers/models/tokenizer/unicode_additions.h"

namespace gradus {
namespace {

// PCRE2's \s takes U+180E for a space, Unicode does not: both classes are spelled out.
constexpr const char* kSpaces = "\\t-\\r \\x{85}\\p{Z}";
constexpr const char* kNotSpaces =
    "\\x{0}-\\x{8}\\x{E}-\\x{1F}!-\\x{84}\\x{86}-\\x{9F}\\x{A1}-\\x{167F}\\x{1681}-\\x{1FFF}"
    "\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}\\x{2030}-\\x{205E}\\x{2060}-\\x{2FFF}"
    "\\x{3001}-\\x{10FFFF}";

class Translation {
 public:
  Translation(std::string_view pattern, const std::string& origin)
      : pattern_(pattern), origin_(origin) {}

  std::string Run() {
    while (at_ < pattern_.size()) {
      if (pattern_[at_] == '\\' && at_ + 1 < pattern_.size()) {
        Escape();
      } else if (in_class_) {
        InClass();
      } else {
        if (pattern_[at_] == '[') OpenClass();
        if (at_ < pattern_.size()) out_ += pattern_[at_++];
      }
    }
    return std::move(out_);
  }

 private:
  [[noreturn]] void Refuse(std::string_view part) const {
    Fail("{}: {} in the pattern {} is not supported", origin_, part, pattern_);
  }

  // Leaves `at_` at the last character of the opening: a ] there would be an ordinary character.
  void OpenClass() {
    in_class_ = true;
    if (pattern_.substr(at_).starts_with("[^")) out_ += pattern_[at_++];
    if (pattern_.substr(at_ + 1).starts_with("]")) out_ += pattern_[at_++];
  }

  void InClass() {
    const std::string_view rest = pattern_.substr(at_);
    // Oniguruma nests and intersects classes, PCRE2 reads these as plain characters.
    if (rest[0] == '[') Refuse("a [ inside a class");
    if (rest.starts_with("&&")) Refuse("&&");
    if (rest[0] == ']') in_class_ = false;
    out_ += rest[0];
    ++at_;
  }

  void Escape() {
    const char kind = pattern_[at_ + 1];
    const std::string_view whole = pattern_.substr(at_, 2);
    at_ += 2;
    if (kind == 's') return Class(kSpaces, false);
    if (kind == 'S') return Class(kNotSpaces, false);
    if (kind == 'd' || kind == 'D') return Class(WithAdditions("Nd"), kind == 'D');
    if (kind == 'p' || kind == 'P') return Property(kind == 'P');
    // \w, \b, \h, \R and others: another meaning, or other characters, in the two engines.
    const bool letter = (kind >= 'a' && kind <= 'z') || (kind >= 'A' && kind <= 'Z');
    if (letter && std::string_view("rntfaexAzZ").find(kind) == std::string_view::npos) {
      Refuse(whole);
    }
    out_ += whole;
  }

  void Property(bool negated) {
    const std::size_t end = pattern_.find('}', at_);
    if (at_ >= pattern_.size() || pattern_[at_] != '{' || end == std::string_view::npos) {
      Refuse("a property without braces");
    }
    std::string_view name = pattern_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    if (name.starts_with('^')) {
      negated = !negated;
      name.remove_prefix(1);
    }
    Class(WithAdditions(name), negated);
  }

  void Class(const std::string& members, bool negated) {
    if (!in_class_) {
      out_ += (negated ? "[^" : "[") + members + "]";
    } else if (!negated) {
      out_ += members;
    } else {
      Refuse("a negated property inside a class");
    }
  }

  static std::string WithAdditions(std::string_view category) {
    std::string members = fmt::format("\\p{{{}}}", category);
    for (const CategoryRange& range : CharactersAfterUnicode14()) {
      if (range.category.starts_with(category)) {
        members += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<std::uint32_t>(range.first),
                               static_cast<std::uint32_t>(range.last));
      }
    }
    return members;
  }

  std::string_view pattern_;
  const std::string& origin_;
  std::size_t at_ = 0;
  bool in_class_ = false;
  std::string out_;
};

}  // namespace

std::string ToPcre2(std::string_view pattern, const std::string& origin) {
  return Translation(pattern, origin).Run();
}

}  // namespace gradus
