#pragma once
#include <string>
#include <string_view>

namespace gradus {

// Rewrites a pattern in Oniguruma's syntax, as a tokenizer.json holds it, for PCRE2: classes get
// the characters that this PCRE2 does not know yet, and what the two read differently is an Error.
std::string ToPcre2(std::string_view pattern, const std::string& origin);

}  // namespace gradus
