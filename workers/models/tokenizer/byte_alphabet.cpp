#include "workers/models/tokenizer/byte_alphabet.h"

#include <array>

#include "workers/models/tokenizer/utf8.h"

namespace gradus {
namespace {

constexpr char32_t kCodes = 0x144;  // One more than the largest letter.

struct Alphabet {
  std::array<char32_t, 256> code{};
  std::array<std::int16_t, kCodes> byte{};  // -1: not a letter.
};

const Alphabet& ByteAlphabet() {
  static const Alphabet kAlphabet = [] {
    Alphabet alphabet;
    alphabet.byte.fill(-1);
    char32_t next = 0x100;
    for (std::size_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      alphabet.code[b] = printable ? static_cast<char32_t>(b) : next++;
      alphabet.byte[alphabet.code[b]] = static_cast<std::int16_t>(b);
    }
    return alphabet;
  }();
  return kAlphabet;
}

}  // namespace

std::string ByteSymbol(unsigned char byte) {
  std::string symbol;
  AppendUtf8(symbol, ByteAlphabet().code[byte]);
  return symbol;
}

std::optional<std::string> BytesOfEntry(std::string_view entry) {
  std::string bytes;
  for (std::string_view rest = entry; !rest.empty();) {
    const CodePoint point = FirstCodePoint(rest);
    const bool letter =
        point.valid && point.value < kCodes && ByteAlphabet().byte[point.value] >= 0;
    if (!letter) return {};
    bytes += static_cast<char>(ByteAlphabet().byte[point.value]);
    rest.remove_prefix(point.bytes);
  }
  return bytes;
}

}  // namespace gradus
