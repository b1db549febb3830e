#pragma once
#include <string_view>
#include <vector>

namespace gradus {

// The boxes that hold a text's answer.
struct Boxes {
  std::vector<std::string_view> contents;  // In order; several when they stand side by side.
  std::size_t end = 0;                     // Position behind the last one.
  bool cut_off = false;                    // Behind it one more begins and never ends.
};

// The last complete \boxed{} (or \fbox{}) outside of code fences, with the boxes before it that are
// joined to it by nothing but punctuation, "and", "or" or "name =". Equal neighbours count once.
// One pass, whatever the nesting.
Boxes FindBoxes(std::string_view text);

}  // namespace gradus
