#include "workers/models/tokenizer/utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "schemas/base/error.h"
#include "workers/models/tokenizer/unicode_additions.h"

namespace gradus {

namespace {

std::string ComposeRun(std::string_view text) {
  utf8proc_uint8_t* composed = nullptr;
  const utf8proc_ssize_t size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, void (*)(void*)> owner(composed, std::free);
  if (size < 0) Fail("cannot normalise text: {}", utf8proc_errmsg(size));
  return std::string(reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size));
}

// True for most text: such a character stays as it is and never joins the one before it. It may
// join with marks after it.
bool StartsAnew(char32_t c) {
  return c < 0x300 || (c >= 0x388 && c <= 0x482) || (c >= 0x3041 && c <= 0x3096) ||
         (c >= 0x30A1 && c <= 0x30FA) || (c >= 0x4E00 && c <= 0x9FFF) ||
         (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0x1F300 && c <= 0x1FAFF);
}

}  // namespace

// Runs that may change go through the normaliser, each with the character before it.
std::string ComposeUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t done = 0, last = 0;  // Copied up to `done`; `last` is the previous character.
  bool running = false;
  const auto compose = [&](std::size_t end) {
    if (running) {
      out += ComposeRun(text.substr(done, end - done));
      done = end;
    }
    running = false;
  };
  for (std::size_t at = 0; at < text.size();) {
    const bool ascii = static_cast<unsigned char>(text[at]) < 0x80;
    const CodePoint point = ascii ? CodePoint{U' ', 1, true} : FirstCodePoint(text.substr(at));
    if (StartsAnew(point.value)) {
      compose(at);
    } else if (IsUnknownToUnicode9(point.value)) {
      compose(at);
      out.append(text.substr(done, at + point.bytes - done));
      done = at + point.bytes;
    } else if (!running) {
      const std::size_t begin = std::max(last, done);
      out.append(text.substr(done, begin - done));
      done = begin;
      running = true;
    }
    last = at;
    at += point.bytes;
  }
  compose(text.size());
  return out.append(text.substr(done));
}

bool IsWhiteSpace(char32_t c) {
  return (c >= 9 && c <= 13) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

// Alphabetic, mark, decimal digit, connector or joiner.
bool IsWordCharacter(char32_t c) {
  if (c < 0x80) {
    return (c >= '0' && c <= '9') || c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
  }
  std::string_view category = utf8proc_category_string(static_cast<utf8proc_int32_t>(c));
  if (category == "Cn") {
    for (const CategoryRange& range : CharactersAfterUnicode14()) {
      if (c >= range.first && c <= range.last) category = range.category;
    }
  }
  if (category[0] == 'L' || category[0] == 'M') return true;
  if (category == "Nd" || category == "Nl" || category == "Pc") return true;
  // Letters in circles and squares are alphabetic symbols.
  return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) ||
         (c >= 0x1F130 && c <= 0x1F149) || (c >= 0x1F150 && c <= 0x1F169) ||
         (c >= 0x1F170 && c <= 0x1F189);
}

}  // namespace gradus
