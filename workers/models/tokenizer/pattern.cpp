#include "workers/models/tokenizer/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <array>

#include "schemas/base/error.h"
#include "schemas/base/handle.h"
#include "workers/models/tokenizer/pattern_dialect.h"
#include "workers/models/tokenizer/utf8.h"

namespace gradus {
namespace {

struct CodeTraits {
  using Type = pcre2_code*;
  static Type Null() { return nullptr; }
  static void Close(Type code) noexcept { pcre2_code_free(code); }
};
struct MatchDataTraits {
  using Type = pcre2_match_data*;
  static Type Null() { return nullptr; }
  static void Close(Type data) noexcept { pcre2_match_data_free(data); }
};

Handle<CodeTraits> Compile(const std::string& text, std::uint32_t options,
                           const std::string& origin) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  Handle<CodeTraits> code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                        options, &error, &offset, nullptr));
  if (!code) {
    std::array<PCRE2_UCHAR, 256> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    Fail("{}: pattern {} does not compile: {}", origin, text,
         reinterpret_cast<const char*>(message.data()));
  }
  // Without JIT on this machine the interpreter gives the same matches.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

}  // namespace

struct Pattern::Code {
  // False when there is no match at or after `at`.
  bool MatchFrom(std::string_view text, std::size_t at, pcre2_match_data* data) const {
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int found =
        pcre2_match(code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK, data, nullptr);
    if (found == PCRE2_ERROR_JIT_STACKLIMIT) {
      found = pcre2_match(code.get(), subject, text.size(), at, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT,
                          data, nullptr);
    }
    if (found == PCRE2_ERROR_NOMATCH) return false;
    if (found < 0) Fail("tokenizer: the split pattern gave up on a text (PCRE2 error {})", found);
    return true;
  }
  Handle<CodeTraits> code;
};

Pattern::Pattern(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Pattern Pattern::Regex(std::string_view text, const std::string& origin) {
  // ^ and $ are ends of lines in Oniguruma.
  const std::uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE;
  return Pattern(std::make_unique<Code>(Code{Compile(ToPcre2(text, origin), options, origin)}));
}

Pattern Pattern::Literal(std::string_view text, const std::string& origin) {
  return Pattern(
      std::make_unique<Code>(Code{Compile(std::string(text), PCRE2_UTF | PCRE2_LITERAL, origin)}));
}

void Pattern::EachMatch(std::string_view text, const Visit& visit) const {
  const Handle<MatchDataTraits> data(
      pcre2_match_data_create_from_pattern(code_->code.get(), nullptr));
  for (std::size_t at = 0; at < text.size() && code_->MatchFrom(text, at, data.get());) {
    const PCRE2_SIZE* range = pcre2_get_ovector_pointer(data.get());
    at = range[1];
    if (range[1] > range[0]) {
      visit(range[0], range[1]);
    } else if (at < text.size()) {
      at += FirstCodePoint(text.substr(at)).bytes;
    }
  }
}

}  // namespace gradus
