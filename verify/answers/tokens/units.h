#pragma once
#include <gmpxx.h>

#include <optional>
#include <string>
#include <string_view>

namespace gradus {

// The unit that one word names, in one spelling: "centimeters" and "cm" are "centimeter"; "" for a
// word that names none. A unit of more words is written with "." and "/" and whole powers:
// "meter/second^2".
std::string UnitName(std::string_view word);

// What a word counts: "apples" is "apple". Plurals and a few others, never an adverb, a number word
// or an adjective; "" for those.
std::string CountedNoun(std::string_view word);

// "dollar" for "$", "euro" for the euro sign and so on; "" for other signs.
std::string_view CurrencyOfSign(std::string_view sign);

// from = scale * to + offset, exactly.
struct Conversion {
  mpq_class scale = 1, offset = 0;
};
// Nothing when the two measure different things, or one is no unit of measurement.
std::optional<Conversion> ConversionOf(const std::string& from, const std::string& to);

}  // namespace gradus
