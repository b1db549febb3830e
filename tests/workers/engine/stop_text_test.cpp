#include "workers/engine/stop_text.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "tests/workers/engine/engine_requests.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {

TEST_CASE("a stop text is seen with the token that completes it, across tokens and characters") {
  const TempFolder scratch;
  WriteByteTokenizer(scratch.path(), {"<stop>"}, "<stop>");
  const Tokenizer tokenizer = Tokenizer::Load(scratch.path());
  const auto stopped_after = [&](const std::string& text, const std::vector<std::string>& stops) {
    StopText stop(tokenizer, stops);
    int count = 0;
    for (const TokenId id : tokenizer.Encode(text)) {
      ++count;
      if (stop.Push(id)) return count;
    }
    return -1;
  };
  CHECK(stopped_after("one two three", {"two"}) == 7);
  CHECK(stopped_after("aab", {"ab"}) == 3);
  CHECK(stopped_after("x€y", {"€"}) == 4);
  CHECK(stopped_after("x€y", {"zz", "€y"}) == 5);
  CHECK(stopped_after("a<stop>b", {"<stop>b"}) == 3);
  CHECK(stopped_after("nothing", {"thing!"}) == -1);
  CHECK(stopped_after("abcabd", {"abd", "long long long"}) == 6);
}

TEST_CASE("with byte tokens a stop text is seen while its run of bytes goes on") {
  const Tokenizer tokenizer = Tokenizer::Load(std::filesystem::path(GRADUS_SOURCE_DIR) /
                                              "tests/workers/models/golden/sentencepiece");
  const auto first = tokenizer.IdOf("<0xE2>"), second = tokenizer.IdOf("<0x82>"),
             third = tokenizer.IdOf("<0xAC>");
  REQUIRE((first && second && third));
  const std::vector<std::string> stops = {"€"};
  StopText stop(tokenizer, stops);
  CHECK_FALSE(stop.Push(*first));
  CHECK_FALSE(stop.Push(*second));
  CHECK(stop.Push(*third));
}

TEST_CASE("a sample ends with the token that completes a stop text, kept in its tokens") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  const Tokenizer tokenizer = Tokenizer::Load(model.folder());
  GenerateRequest request = Request(Extend(nullptr, SomeTokens(9, 1)), 60, 200, 3);
  const auto free = RunOne(*engine, request);
  request.stop_texts = {"e", "ab", "z"};
  const auto stopped = RunOne(*engine, request);
  int ended = 0;
  for (std::size_t i = 0; i < stopped.size(); ++i) {
    const Continuation& c = stopped[i];
    CHECK(std::equal(c.tokens.begin(), c.tokens.end(), free[i].tokens.begin()));
    std::vector<TokenId> before(c.tokens.begin(), c.tokens.end() - 1);
    const auto contains = [&](const std::vector<TokenId>& tokens) {
      const std::string text = tokenizer.Decode(tokens);
      return std::any_of(request.stop_texts.begin(), request.stop_texts.end(),
                         [&](const std::string& stop) { return text.find(stop) != text.npos; });
    };
    CHECK_FALSE(contains(before));
    CHECK(contains(c.tokens) == (c.reason == StopReason::kStopText));
    ended += c.reason == StopReason::kStopText;
  }
  CHECK(ended > 20);
  request.stop_texts = {""};
  CHECK_THROWS_AS(engine->Generate(request, [](std::vector<Continuation>) {}), Error);
}

}  // namespace gradus
