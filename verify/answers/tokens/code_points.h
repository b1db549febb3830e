#pragma once
#include <string>
#include <string_view>

namespace gradus {

// An answer in ASCII as far as it can be: full-width forms, super- and subscripts, fractions and
// mathematical signs in LaTeX's spelling, blanks that are not seen as blanks. What has no such
// spelling stays, and so do bytes that are no UTF-8. Linear in the length.
std::string InAscii(std::string_view text);

}  // namespace gradus
