#include "verify/answers/reading/doubt.h"

#include <algorithm>
#include <array>
#include <string>

#include "verify/answers/tokens/characters.h"

namespace gradus {

bool IsDoubt(std::string_view word) {
  static constexpr std::array<std::string_view, 66> kWords = {
      "not",        "no",        "never",     "cannot",   "can",       "could",      "may",
      "might",      "maybe",     "perhaps",   "possibly", "probably",  "guess",      "guessing",
      "wrong",      "incorrect", "false",     "unlikely", "doubt",     "unsure",     "uncertain",
      "if",         "unless",    "either",    "neither",  "nor",       "except",     "than",
      "half",       "twice",     "double",    "triple",   "minus",     "negative",   "opposite",
      "reciprocal", "inverse",   "square",    "squared",  "root",      "other",      "instead",
      "previous",   "initial",   "nearly",    "almost",   "assume",    "assuming",   "suppose",
      "would",      "should",    "question",  "isn",      "aren",      "wasn",       "don",
      "doesn",      "didn",      "excluding", "without",  "eliminate", "eliminated", "fails",
      "impossible", "rejected",  "different"};
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

bool HasDoubt(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && IsLetter(text[end])) ++end;
    const bool command = i > 0 && text[i - 1] == '\\';
    if (end > i && !command && IsDoubt(LowerCase(text.substr(i, end - i)))) return true;
    i = std::max(end, i + 1);
  }
  return text.find("不") != std::string_view::npos || text.find("没") != std::string_view::npos;
}

bool GivesUp(std::string_view text) {
  const std::string lower = LowerCase(text);
  for (std::string_view phrase :
       {"do not know", "don't know", "cannot solve", "can't solve", "cannot determine",
        "can't determine", "could not solve", "not sure", "unable to", "no idea", "i give up",
        "cannot answer", "can't answer", "am unsure", "not possible to", "that is wrong"}) {
    if (lower.find(phrase) != std::string::npos) return true;
  }
  return false;
}

}  // namespace gradus
