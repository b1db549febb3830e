#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

// The 256-letter alphabet of byte-level BPE: printable bytes stand for themselves, the others for
// U+0100 and on.
std::string ByteSymbol(unsigned char byte);
// The bytes that a vocabulary entry stands for; nothing where it has a character outside the
// alphabet.
std::optional<std::string> BytesOfEntry(std::string_view entry);

}  // namespace gradus
