#include "schemas/base/utf8.h"

#include <doctest/doctest.h>

using namespace gradus;

TEST_CASE("Only well-formed UTF-8 survives") {
  const std::string bad = "\xEF\xBF\xBD";
  CHECK(ValidUtf8("plain") == "plain");
  CHECK(ValidUtf8("\u00e9\u20ac\U0001F600") == "\u00e9\u20ac\U0001F600");
  CHECK(ValidUtf8("\xff") == bad);
  CHECK(ValidUtf8("a\xC3") == "a" + bad);
  CHECK(ValidUtf8("\xC0\x80") == bad + bad);
  CHECK(ValidUtf8("\xED\xA0\x80") == bad + bad + bad);
  CHECK(ValidUtf8("\xF4\x90\x80\x80") == bad + bad + bad + bad);
}
