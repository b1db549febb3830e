#pragma once
#include <string>
#include <string_view>

namespace gradus {

enum class Thousands { kJoin, kSplit };  // Whether "1,234" is one number or two.

// A number as it is written at the start of a text.
struct NumberSpelling {
  std::string digits;      // Without separators: "1000.5", "3.2e-4". A point at its end says that
                           // what follows repeats: "0.(3)".
  std::size_t bytes = 0;   // It takes.
  bool separated = false;  // It had thousands separators.
  bool listed = false;     // And could be a list of numbers as well: "100,200".
};

// Separators are ",", "'", blanks and LaTeX's spacing between groups of three digits, dots where
// there are two or more, and commas in India's groups of two; of these only those of LaTeX where
// commas split. REQUIRES: a digit, or a point and a digit, at the start.
NumberSpelling ReadNumber(std::string_view text, Thousands rule);

// Length of "2020-03-05" or "3/5/2020" at the start of a text, or 0.
std::size_t DateLength(std::string_view text);

}  // namespace gradus
