#include "verify/python/warm_states.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace gradus;
using Keys = std::vector<std::string>;

TEST_CASE("The longest kept prefix is found and the least recent goes first") {
  WarmStates<int> states(3);
  CHECK_FALSE(states.Longest(Keys{"a", "ab"}));
  CHECK(states.Keep("a", "", 1).empty());
  CHECK(states.Keep("ab", "a", 2).empty());
  CHECK(states.Longest(Keys{"a", "ab", "abc"}) == 1);
  CHECK(states.Keep("x", "", 3).empty());
  CHECK(states.Longest(Keys{"a"}) == 0);
  CHECK(states.Longest(Keys{"x"}) == 0);
  // "ab" was used before "a" and "x".
  CHECK(states.Keep("y", "", 4) == std::vector<int>{2});
  CHECK(states.Longest(Keys{"a", "ab"}) == 0);
}

TEST_CASE("A family is forgotten whole, its founder last") {
  WarmStates<int> states(10);
  states.Keep("a", "", 1);
  states.Keep("ab", "a", 2);
  states.Keep("abc", "ab", 3);
  states.Keep("z", "", 4);
  CHECK(states.FounderOf("abc") == "a");
  const auto gone = states.ForgetFamily("ab");
  CHECK(gone.size() == 3);
  CHECK(gone.back() == 1);
  CHECK(states.size() == 1);
  CHECK(states.ForgetFamily("ab").empty());
}

TEST_CASE("What makes room never leaves a descendant behind") {
  std::mt19937 draw(5);
  WarmStates<std::string> states(6);
  std::vector<std::string> kept;
  for (int i = 0; i < 3000; ++i) {
    std::string key;
    std::vector<std::string> keys;
    for (int depth = 1 + static_cast<int>(draw() % 5); depth > 0; --depth) {
      key += static_cast<char>('a' + draw() % 3);
      keys.push_back(key);
    }
    const auto longest = states.Longest(keys);
    if (longest && *longest + 1 == keys.size()) continue;
    const std::string parent = longest ? keys[*longest] : "";
    const auto gone = states.Keep(key, parent, key);
    kept.push_back(key);
    for (const std::string& name : gone) std::erase(kept, name);
    CHECK(states.size() == kept.size());
    CHECK(kept.size() <= 6);
    // Every founder is reachable: no parent is missing.
    for (const std::string& name : kept) CHECK_NOTHROW(states.FounderOf(name));
    CHECK(std::find(gone.begin(), gone.end(), key) == gone.end());
  }
}
