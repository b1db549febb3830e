#include "verify/answers/tokens/code_points.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <utility>

namespace gradus {
namespace {

// What Unicode's compatibility forms (NFKC) leave without an ASCII spelling, or spell otherwise.
constexpr std::pair<std::string_view, const char*> kSpellings[] = {
    {"−", "-"},           {"–", "-"},           {"—", "-"},           {"‐", "-"},
    {"×", "*"},           {"·", "*"},           {"⋅", "*"},           {"∗", "*"},
    {"∙", "*"},           {"•", "*"},           {"÷", "/"},           {"⁄", "/"},
    {"∕", "/"},           {"π", "\\pi "},       {"∞", "\\infty "},    {"≤", "<="},
    {"≥", ">="},          {"⩽", "<="},          {"⩾", ">="},          {"≠", "!="},
    {"≈", "~"},           {"≡", "\\equiv "},    {"√", "\\sqrt"},      {"∛", "\\sqrt[3]"},
    {"∜", "\\sqrt[4]"},   {"∪", "\\cup "},      {"∩", "\\cap "},      {"∖", "\\setminus "},
    {"∅", "\\emptyset "}, {"∈", "\\in "},       {"±", "\\pm "},       {"∓", "\\mp "},
    {"°", "\\circ "},     {"º", "\\circ "},     {"˚", "\\circ "},     {"’", "'"},
    {"‘", "'"},           {"′", "'"},           {"“", "\""},          {"”", "\""},
    {"、", ","},          {"。", "."},          {"∧", "\\land "},     {"∨", "\\lor "},
    {"⟨", "\\langle "},   {"⟩", "\\rangle "},   {"〈", "\\langle "},  {"〉", "\\rangle "},
    {"θ", "\\theta "},    {"α", "\\alpha "},    {"β", "\\beta "},     {"γ", "\\gamma "},
    {"δ", "\\delta "},    {"ε", "\\epsilon "},  {"λ", "\\lambda "},   {"μ", "\\mu "},
    {"ρ", "\\rho "},      {"σ", "\\sigma "},    {"τ", "\\tau "},      {"φ", "\\phi "},
    {"ω", "\\omega "},    {"Ω", "\\Omega "},    {"Δ", "\\Delta "},    {"Σ", "\\Sigma "},
    {"ℝ", "\\mathbb{R}"}, {"ℤ", "\\mathbb{Z}"}, {"ℕ", "\\mathbb{N}"}, {"ℚ", "\\mathbb{Q}"},
    {"ℂ", "\\mathbb{C}"}, {"\u200B", " "},      {"\uFEFF", " "},      {"\u2061", " "}};

const char* SpellingOf(std::string_view bytes) {
  for (const auto& [from, to] : kSpellings) {
    if (bytes == from) return to;
  }
  return nullptr;
}

std::string Compatible(std::string_view bytes) {
  utf8proc_uint8_t* mapped = nullptr;
  const auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                                 static_cast<utf8proc_ssize_t>(bytes.size()), &mapped, options);
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (size < 0) return std::string(bytes);
  return {reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size)};
}

class Respeller {
 public:
  explicit Respeller(std::string_view text) : text_(text) {}

  std::string Run() {
    while (at_ < text_.size()) Next();
    Close();
    return std::move(out_);
  }

 private:
  void Next() {
    utf8proc_int32_t point = -1;
    const auto length = utf8proc_iterate(
        reinterpret_cast<const utf8proc_uint8_t*>(text_.data() + at_),
        static_cast<utf8proc_ssize_t>(std::min<std::size_t>(4, text_.size() - at_)), &point);
    const std::string_view bytes =
        text_.substr(at_, length > 0 ? static_cast<std::size_t>(length) : 1);
    at_ += bytes.size();
    if (point < 0x80) {
      Close();
      out_ += bytes;
    } else {
      Respell(point, bytes);
    }
  }

  void Respell(utf8proc_int32_t point, std::string_view bytes) {
    const char* spelling = SpellingOf(bytes);
    const auto form = utf8proc_get_property(point)->decomp_type;
    const bool raised = form == UTF8PROC_DECOMP_TYPE_SUPER, sunk = form == UTF8PROC_DECOMP_TYPE_SUB;
    Script(spelling ? ' ' : raised ? '^' : sunk ? '_' : ' ');
    if (spelling) {
      out_ += spelling;
      return;
    }
    const std::string plain = Compatible(bytes);
    const std::size_t slash = plain.find("\u2044");
    if (form == UTF8PROC_DECOMP_TYPE_FRACTION && slash != std::string::npos) {
      out_ += "\\frac{" + plain.substr(0, slash) + "}{" + plain.substr(slash + 3) + "}";
    } else if (plain == bytes) {
      out_ += plain;
    } else {
      // A compatible form may have a spelling of its own: superscript minus, full-width pi.
      const char* inner = SpellingOf(plain);
      out_ += inner ? std::string(inner) : plain;
    }
  }

  // Superscripts that stand side by side are one exponent.
  void Script(char mark) {
    if (mark == script_) return;
    Close();
    if (mark == ' ') return;
    script_ = mark;
    out_ += mark;
    out_ += '{';
  }

  void Close() {
    if (script_ != ' ') out_ += "} ";
    script_ = ' ';
  }

  std::string_view text_;
  std::size_t at_ = 0;
  char script_ = ' ';  // '^' or '_' while inside of one.
  std::string out_;
};

}  // namespace

std::string InAscii(std::string_view text) {
  const bool plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  return plain ? std::string(text) : Respeller(text).Run();
}

}  // namespace gradus
