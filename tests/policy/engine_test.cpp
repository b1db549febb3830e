#include "workers/policy/engine.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <vector>

#include "schemas/base/error.h"
#include "tests/fakes/temp_folder.h"
#include "workers/policy/hf_folder.h"

namespace gradus {
namespace {

struct TestModel {
  explicit TestModel(int max_positions = 256) {
    RandomModelOptions options;
    options.hidden_size = 48;
    options.intermediate_size = 80;
    options.num_layers = 2;
    options.max_positions = max_positions;
    MakeRandomModel(scratch / "model", options, {"<stop>"}, 7);
  }
  std::filesystem::path folder() const { return scratch / "model"; }
  TempFolder scratch;
};

std::vector<TokenId> SomeTokens(int count, Seed seed) {
  Random random(seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(random.Below(257)));
  return tokens;
}

GenerateRequest Request(SequencePtr context, int samples, int max_tokens, Seed seed) {
  GenerateRequest request;
  request.context = std::move(context);
  request.samples = samples;
  request.max_tokens = max_tokens;
  request.seed = seed;
  return request;
}

// Submits all at once and waits for all.
std::vector<std::vector<Continuation>> RunAll(Engine& engine,
                                              const std::vector<GenerateRequest>& requests) {
  std::vector<std::promise<std::vector<Continuation>>> promises(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    engine.Generate(requests[i], [&promises, i](std::vector<Continuation> results) {
      promises[i].set_value(std::move(results));
    });
  }
  std::vector<std::vector<Continuation>> results;
  for (auto& promise : promises) results.push_back(promise.get_future().get());
  return results;
}

std::vector<Continuation> RunOne(Engine& engine, const GenerateRequest& request) {
  return RunAll(engine, {request})[0];
}

bool SameBits(const std::vector<Continuation>& a, const std::vector<Continuation>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].tokens != b[i].tokens || a[i].reason != b[i].reason ||
        a[i].logprobs.size() != b[i].logprobs.size() ||
        std::memcmp(a[i].logprobs.data(), b[i].logprobs.data(),
                    a[i].logprobs.size() * sizeof(float)) != 0) {
      return false;
    }
  }
  return true;
}

// Paths of a small tree: shared roots, shared inner pieces, an empty piece, one-token pieces.
std::vector<GenerateRequest> TreeRequests() {
  std::vector<GenerateRequest> requests;
  Seed seed = 1;
  for (int root = 0; root < 3; ++root) {
    SequencePtr node = Extend(nullptr, SomeTokens(11 + root, ++seed));
    for (int depth = 0; depth < 4; ++depth) {
      requests.push_back(Request(node, 3 + depth, 5 + 3 * root, ++seed));
      const SequencePtr side = Extend(node, SomeTokens(depth, ++seed));
      requests.push_back(Request(side, 2, 9, ++seed));
      node = Extend(node, SomeTokens(1 + 4 * depth, ++seed));
    }
  }
  for (GenerateRequest& request : requests) request.stop_ids = {10, 32, 101};
  return requests;
}

double WaitLogProb(Engine& engine, const SequencePtr& sequence) {
  std::promise<double> promise;
  engine.LogProb(sequence, [&](double value) { promise.set_value(value); });
  return promise.get_future().get();
}

}  // namespace

TEST_CASE(
    "a request gives the same bits alone, together, in any order and with an arena that evicts") {
  const TestModel model;
  const std::vector<GenerateRequest> requests = TreeRequests();
  std::vector<std::vector<Continuation>> alone;
  {
    const auto engine = MakeEngine(model.folder(), EngineOptions{});
    for (const GenerateRequest& request : requests) alone.push_back(RunOne(*engine, request));
  }
  const auto check = [&](const EngineOptions& options, Seed order_seed) {
    const auto engine = MakeEngine(model.folder(), options);
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < requests.size(); ++i) order.push_back(i);
    if (order_seed != 0) Random(order_seed).Shuffle(order);
    std::vector<GenerateRequest> shuffled;
    for (std::size_t i : order) shuffled.push_back(requests[i]);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const auto together = RunAll(*engine, shuffled);
      for (std::size_t i = 0; i < order.size(); ++i) {
        REQUIRE(SameBits(together[i], alone[order[i]]));
      }
    }
  };
  check(EngineOptions{}, 0);
  check(EngineOptions{}, 5);
  check({.max_rows = 7, .prefill_tokens = 13, .kv_tokens = 4096}, 6);
  check({.max_rows = 64, .prefill_tokens = 512, .kv_tokens = 64}, 7);
  check({.max_rows = 1, .prefill_tokens = 1, .kv_tokens = 80}, 8);
}

TEST_CASE("a longrope sample ends where its sequence would turn otherwise; longer contexts go on") {
  const std::filesystem::path folder =
      std::filesystem::path(GRADUS_SOURCE_DIR) / "tests/policy/golden/tiny_phi3";
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

TEST_CASE("a stop id ends a sample and stays in its tokens") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  GenerateRequest request = Request(Extend(nullptr, SomeTokens(9, 1)), 40, 200, 3);
  for (TokenId id = 0; id < 30; ++id) request.stop_ids.push_back(id);
  int stopped = 0;
  for (const Continuation& c : RunOne(*engine, request)) {
    for (std::size_t i = 0; i + 1 < c.tokens.size(); ++i) CHECK(c.tokens[i] >= 30);
    REQUIRE(c.tokens.size() == c.logprobs.size());
    if (c.reason == StopReason::kStopId) {
      CHECK(c.tokens.back() < 30);
      ++stopped;
    }
  }
  CHECK(stopped > 30);
}

TEST_CASE("a sequence never outgrows the model, and one that cannot fit yields no tokens") {
  const TestModel model(32);
  const auto engine = MakeEngine(model.folder(), {.max_rows = 4, .kv_tokens = 128});
  const auto nearly = RunOne(*engine, Request(Extend(nullptr, SomeTokens(28, 1)), 3, 100, 1));
  for (const Continuation& c : nearly) {
    CHECK(c.tokens.size() == 4);
    CHECK(c.reason == StopReason::kContextFull);
  }
  const auto full = RunOne(*engine, Request(Extend(nullptr, SomeTokens(32, 1)), 2, 5, 1));
  REQUIRE(full.size() == 2);
  CHECK(full[0].tokens.empty());
  CHECK(full[0].reason == StopReason::kContextFull);
  CHECK(std::isnan(WaitLogProb(*engine, Extend(nullptr, SomeTokens(33, 1)))));
}

TEST_CASE("more samples than rows or slots run one after the other with the same result") {
  const TestModel model;
  const auto wide = MakeEngine(model.folder(), EngineOptions{});
  const auto narrow =
      MakeEngine(model.folder(), {.max_rows = 3, .prefill_tokens = 8, .kv_tokens = 64});
  const GenerateRequest request = Request(Extend(nullptr, SomeTokens(20, 1)), 100, 10, 4);
  CHECK(SameBits(RunOne(*wide, request), RunOne(*narrow, request)));
}

TEST_CASE("sampled log-probabilities sum to what LogProb says") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  const SequencePtr context = Extend(nullptr, SomeTokens(17, 2));
  const double before = WaitLogProb(*engine, context);
  GenerateRequest request = Request(context, 5, 20, 6);
  request.sampling.temperature = 0.7;
  for (const Continuation& c : RunOne(*engine, request)) {
    double sum = 0;
    for (float logprob : c.logprobs) sum += static_cast<double>(logprob);
    CHECK(WaitLogProb(*engine, Extend(context, c.tokens)) - before ==
          doctest::Approx(sum).epsilon(1e-5));
  }
  CHECK(WaitLogProb(*engine, Extend(nullptr, {5})) == 0);
}

TEST_CASE("greedy decoding takes the largest logit, and top lists the largest first") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  GenerateRequest request = Request(Extend(nullptr, SomeTokens(17, 2)), 2, 6, 6);
  request.sampling.temperature = 0;
  request.top_logits = 5;
  const auto results = RunOne(*engine, request);
  CHECK(results[0].tokens == results[1].tokens);
  REQUIRE(results[0].top.size() == 5);
  CHECK(results[0].top[0].first == results[0].tokens[0]);
  for (std::size_t i = 0; i + 1 < 5; ++i)
    CHECK(results[0].top[i].second >= results[0].top[i + 1].second);
}

TEST_CASE("dropping the engine answers every request, finished or not") {
  const TestModel model;
  int answers = 0, empty = 0, nan = 0;
  {
    const auto engine = MakeEngine(model.folder(), {.max_rows = 2});
    for (Seed i = 0; i < 50; ++i) {
      engine->Generate(Request(Extend(nullptr, SomeTokens(20, i)), 2, 200, i),
                       [&](std::vector<Continuation> results) {
                         ++answers;
                         empty += results.empty();
                       });
    }
    engine->LogProb(Extend(nullptr, SomeTokens(20, 1)), [&](double value) {
      ++answers;
      nan += std::isnan(value);
    });
  }
  CHECK(answers == 51);
  CHECK(empty > 0);
  CHECK(nan == 1);
}

TEST_CASE("a request that makes no sense is refused where it is made") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), EngineOptions{});
  const auto refuse = [&](GenerateRequest request) {
    CHECK_THROWS_AS(engine->Generate(std::move(request), [](std::vector<Continuation>) {}), Error);
  };
  refuse(Request(nullptr, 1, 1, 1));
  refuse(Request(Extend(nullptr, {}), 1, 1, 1));
  refuse(Request(Extend(nullptr, {-1}), 1, 1, 1));
  refuse(Request(Extend(Extend(nullptr, {100000}), {1}), 1, 1, 1));
  refuse(Request(Extend(nullptr, {1}), 0, 1, 1));
  refuse(Request(Extend(nullptr, {1}), 1, 0, 1));
  CHECK_THROWS_AS(engine->Score(Extend(nullptr, {1}), [](float) {}), Error);
}

}  // namespace gradus
