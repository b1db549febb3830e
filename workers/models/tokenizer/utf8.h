#pragma once
#include <string>
#include <string_view>

#include "schemas/base/utf8.h"

namespace gradus {

// Normal form C. REQUIRES valid UTF-8.
std::string ComposeUtf8(std::string_view text);

bool IsWhiteSpace(char32_t code);  // The Unicode property.
bool IsWordCharacter(char32_t code);

}  // namespace gradus
