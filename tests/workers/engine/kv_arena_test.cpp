// What the arena keeps, shares and drops, seen through an engine.
#include "workers/engine/kv_arena.h"

#include <doctest/doctest.h>

#include <vector>

#include "tests/workers/engine/engine_requests.h"

namespace gradus {

TEST_CASE("the same context as one piece or as many gives the same bits") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  const std::vector<TokenId> tokens = SomeTokens(120, 3);
  const auto whole = RunOne(*engine, Request(Extend(nullptr, tokens), 4, 12, 9));
  SequencePtr chain;
  for (TokenId token : tokens) chain = Extend(chain, {token});
  CHECK(SameBits(whole, RunOne(*engine, Request(chain, 4, 12, 9))));
}

TEST_CASE("siblings share their prefix: its tokens are computed once") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  const SequencePtr root = Extend(nullptr, SomeTokens(50, 4));
  std::vector<GenerateRequest> requests;
  for (Seed i = 0; i < 8; ++i) requests.push_back(Request(Extend(root, SomeTokens(5, i)), 1, 2, i));
  RunAll(*engine, requests);
  CHECK(engine->Counters().tokens_prefilled == 50 + 8 * 5);
  CHECK(engine->Counters().tokens_generated == 8 * 2);
  // Again: only each context's last token, for its logits.
  RunAll(*engine, requests);
  CHECK(engine->Counters().tokens_prefilled == 50 + 8 * 5 + 8);
}

TEST_CASE("a very deep chain of pieces can be used and dropped") {
  const TestModel model(4096);
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  SequencePtr chain;
  for (int i = 0; i < 4000; ++i) chain = Extend(chain, {i % 200});
  CHECK(RunOne(*engine, Request(chain, 1, 3, 1))[0].tokens.size() == 3);
  SequencePtr deep;
  for (int i = 0; i < 500000; ++i) deep = Extend(deep, {1});
  CHECK(deep->length() == 500000);
  CHECK(RunOne(*engine, Request(deep, 2, 3, 1))[0].reason == StopReason::kContextFull);
  deep = nullptr;
}

TEST_CASE("a longrope sample ends where its sequence would turn otherwise; longer contexts go on") {
  const std::filesystem::path folder =
      std::filesystem::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden/tiny_phi3";
  const auto engine = MakeEngine(folder, EngineOptions{});
  const SequencePtr root = Extend(nullptr, SomeTokens(30, 1));
  const auto ended = RunOne(*engine, Request(root, 1, 10, 1));
  CHECK(ended[0].reason == StopReason::kContextFull);
  CHECK(ended[0].tokens.size() == 3);  // The 33rd token was still drawn from 32.
  // The same pieces in a longer sequence: other keys, and none of the short ones in their place.
  const SequencePtr longer = Extend(root, SomeTokens(10, 2));
  const auto beside = RunOne(*engine, Request(longer, 1, 10, 1));
  CHECK(beside[0].tokens.size() == 10);
  const auto alone = MakeEngine(folder, EngineOptions{});
  CHECK(SameBits(RunOne(*alone, Request(longer, 1, 10, 1)), beside));
}

TEST_CASE("an arena of few slots computes more and gives the same, and counts what it drops") {
  const TestModel model;
  const auto requests = TreeRequests();
  const auto wide = CpuBatching(model.folder(), {.max_rows = 8, .kv_tokens = 4096});
  const auto narrow = CpuBatching(model.folder(), {.max_rows = 8, .kv_tokens = 64});
  for (int repeat = 0; repeat < 2; ++repeat) {
    const auto expected = RunAll(*wide, requests), results = RunAll(*narrow, requests);
    for (std::size_t i = 0; i < requests.size(); ++i) CHECK(SameBits(expected[i], results[i]));
  }
  CHECK(wide->Counters().pieces_evicted == 0);
  CHECK(narrow->Counters().pieces_evicted > 0);
  CHECK(narrow->Counters().tokens_prefilled > wide->Counters().tokens_prefilled);
  CHECK(narrow->Counters().tokens_generated == wide->Counters().tokens_generated);
  CHECK(narrow->Usage().free_slots <= 64);
}

}  // namespace gradus
