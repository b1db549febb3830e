#include "schemas/base/utf8.h"

namespace gradus {
namespace {

// Lead bytes that need a narrower range for their second byte (no overlong forms, surrogates,
// values > 10FFFF).
bool SecondByteFits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return second >= 0x80 && second <= 0xBF;
  }
}

std::size_t SequenceLength(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

}  // namespace

CodePoint FirstCodePoint(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = SequenceLength(byte(0));
  if (length == 0) return {0xFFFD, 1, false};
  if (length == 1) return {byte(0), 1, true};
  char32_t value = byte(0) & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const bool fits =
        i < text.size() && (i == 1 ? SecondByteFits(byte(0), byte(1)) : (byte(i) & 0xC0) == 0x80);
    if (!fits) return {0xFFFD, i, false};
    value = (value << 6) | (byte(i) & 0x3Fu);
  }
  return {value, length, true};
}

void AppendUtf8(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  const int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  const unsigned lead = (0xFF00u >> (more + 1)) & 0xFFu;
  out += static_cast<char>(lead | (code >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | ((code >> (6 * i)) & 0x3F));
}

std::string ValidUtf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const CodePoint point = FirstCodePoint(text);
    if (point.valid) {
      out.append(text.substr(0, point.bytes));
    } else {
      AppendUtf8(out, 0xFFFD);
    }
    text.remove_prefix(point.bytes);
  }
  return out;
}

}  // namespace gradus
