#include "verify/python/kept_prefixes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace gradus;
using Keys = std::vector<std::string>;

TEST_CASE("The longest kept prefix is found and the least recent goes first") {
  KeptPrefixes<int> prefixes(3);
  CHECK_FALSE(prefixes.Longest(Keys{"a", "ab"}));
  CHECK(prefixes.Keep("a", "", 1).empty());
  CHECK(prefixes.Keep("ab", "a", 2).empty());
  CHECK(prefixes.Longest(Keys{"a", "ab", "abc"}) == 1);
  CHECK(prefixes.Keep("x", "", 3).empty());
  CHECK(prefixes.Longest(Keys{"a"}) == 0);
  CHECK(prefixes.Longest(Keys{"x"}) == 0);
  // "ab" was used before "a" and "x".
  CHECK(prefixes.Keep("y", "", 4) == std::vector<int>{2});
  CHECK(prefixes.Longest(Keys{"a", "ab"}) == 0);
}

TEST_CASE("A family is forgotten whole, its founder last") {
  KeptPrefixes<int> prefixes(10);
  prefixes.Keep("a", "", 1);
  prefixes.Keep("ab", "a", 2);
  prefixes.Keep("abc", "ab", 3);
  prefixes.Keep("z", "", 4);
  CHECK(prefixes.FounderOf("abc") == "a");
  const auto gone = prefixes.ForgetFamily("ab");
  CHECK(gone.size() == 3);
  CHECK(gone.back() == 1);
  CHECK(prefixes.size() == 1);
  CHECK(prefixes.ForgetFamily("ab").empty());
}

TEST_CASE("What makes room never leaves a descendant behind") {
  std::mt19937 draw(5);
  KeptPrefixes<std::string> prefixes(6);
  std::vector<std::string> kept;
  for (int i = 0; i < 3000; ++i) {
    std::string key;
    std::vector<std::string> keys;
    for (int depth = 1 + static_cast<int>(draw() % 5); depth > 0; --depth) {
      key += static_cast<char>('a' + draw() % 3);
      keys.push_back(key);
    }
    const auto longest = prefixes.Longest(keys);
    if (longest && *longest + 1 == keys.size()) continue;
    const std::string parent = longest ? keys[*longest] : "";
    const auto gone = prefixes.Keep(key, parent, key);
    kept.push_back(key);
    for (const std::string& name : gone) std::erase(kept, name);
    CHECK(prefixes.size() == kept.size());
    CHECK(kept.size() <= 6);
    // Every founder is reachable: no parent is missing.
    for (const std::string& name : kept) CHECK_NOTHROW(prefixes.FounderOf(name));
    CHECK(std::find(gone.begin(), gone.end(), key) == gone.end());
  }
}
