#include "workers/engine/batching_engine.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <future>
#include <vector>

#include "schemas/base/seed.h"
#include "tests/workers/engine/engine_requests.h"

namespace gradus {

namespace {

// Nothing is held for requests that are gone, whatever became of them; `kept` is the one piece that
// somebody still has.
void CheckNothingLeft(BatchingEngine& engine, const EngineOptions& options,
                      const SequencePtr& kept = nullptr) {
  const auto last = RunOne(engine, Request(Extend(nullptr, {1, 2, 3}), 1, 1, 1));
  CHECK(last[0].tokens.size() == 1);
  const EngineUsage usage = engine.Usage();
  CHECK(usage.rows == 0);
  CHECK(usage.requests == 0);
  CHECK(usage.pinned_pieces == 0);
  CHECK(usage.pieces == (kept ? 2 : 1));
  CHECK(usage.free_slots == options.kv_tokens - 3 - (kept ? kept->length() : 0));
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

TEST_CASE("more samples than rows or slots run one after the other with the same result") {
  const TestModel model;
  const auto wide = MakeEngine(model.folder(), EngineOptions{});
  const auto narrow =
      MakeEngine(model.folder(), {.max_rows = 3, .prefill_tokens = 8, .kv_tokens = 64});
  const GenerateRequest request = Request(Extend(nullptr, SomeTokens(20, 1)), 100, 10, 4);
  CHECK(SameBits(RunOne(*wide, request), RunOne(*narrow, request)));
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

TEST_CASE("tokens are told as they come, each sample's in order") {
  const TestModel model;
  const auto engine = MakeEngine(model.folder(), {.max_rows = 3});
  GenerateRequest request = Request(Extend(nullptr, SomeTokens(9, 1)), 5, 12, 3);
  std::vector<std::vector<TokenId>> told(5);
  request.on_token = [&](int sample, TokenId id) {
    told[static_cast<std::size_t>(sample)].push_back(id);
  };
  const auto results = RunOne(*engine, request);
  for (std::size_t i = 0; i < 5; ++i) CHECK(told[i] == results[i].tokens);
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

TEST_CASE("a cancelled request answers with what it has; the others do not notice") {
  const TestModel model;
  const EngineOptions options{.max_rows = 6, .prefill_tokens = 32, .kv_tokens = 1024};
  const auto engine = CpuBatching(model.folder(), options);
  const GenerateRequest kept = Request(Extend(nullptr, SomeTokens(20, 1)), 4, 40, 4);
  const auto undisturbed = RunOne(*engine, kept);
  for (int round = 0; round < 20; ++round) {
    // Cancelled by itself after some tokens, while running, waiting or before it was seen.
    std::vector<std::promise<std::vector<Continuation>>> done(12);
    std::vector<std::stop_source> sources(done.size());
    for (std::size_t i = 0; i < done.size(); ++i) {
      GenerateRequest request =
          Request(Extend(nullptr, SomeTokens(60, i)), 5, 150, static_cast<Seed>(i));
      request.cancel = sources[i].get_token();
      if (i == 0) sources[i].request_stop();
      request.on_token = [&sources, i, left = round + static_cast<int>(i)](int, TokenId) mutable {
        if (--left < 0) sources[i].request_stop();
      };
      engine->Generate(request, [&done, i](std::vector<Continuation> results) {
        done[i].set_value(std::move(results));
      });
    }
    CHECK(SameBits(RunOne(*engine, kept), undisturbed));
    for (std::size_t i = 0; i < done.size(); ++i) {
      const std::vector<Continuation> results = done[i].get_future().get();
      REQUIRE(results.size() == 5);
      int cancelled = 0;
      for (const Continuation& c : results) {
        CHECK(c.tokens.size() == c.logprobs.size());
        CHECK(c.tokens.size() < 150);
        cancelled += c.reason == StopReason::kCancelled;
      }
      CHECK(cancelled > 0);
      if (i == 0) CHECK(results[0].tokens.empty());
    }
    CheckNothingLeft(*engine, options, kept.context);
  }
}

namespace {

std::size_t ResidentBytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0, resident = 0;
  file >> pages >> resident;
  return resident * 4096;
}

}  // namespace

TEST_CASE("ten thousand requests leave nothing behind and take no more memory than a thousand") {
  const TestModel model;
  const EngineOptions options{.max_rows = 16, .prefill_tokens = 256, .kv_tokens = 2048};
  const auto engine = CpuBatching(model.folder(), options);
  std::size_t after_thousand = 0;
  Seed seed = 0;
  for (int batch = 0; batch < 100; ++batch) {
    std::vector<GenerateRequest> requests;
    std::stop_source cancel;
    const SequencePtr root = Extend(nullptr, SomeTokens(10, ++seed));
    for (int i = 0; i < 100; ++i) {
      ++seed;
      requests.push_back(Request(Extend(root, SomeTokens(2, seed)), 2, 4, seed));
      if (i % 7 == 0) requests.back().cancel = cancel.get_token();
      if (i % 5 == 0) requests.back().stop_texts = {"q"};
      if (i % 11 == 0) requests.back().stop_ids = {1, 2, 3, 4, 5};
    }
    requests[40].on_token = [&](int, TokenId) { cancel.request_stop(); };
    RunAll(*engine, requests);
    if (batch == 9) after_thousand = ResidentBytes();
  }
  CheckNothingLeft(*engine, options);
  CHECK(ResidentBytes() < after_thousand + (4u << 20));
}

namespace {

// A decoder on which a pass with this token in it fails, as a device that runs out of memory does.
class FailingDecoder final : public DecoderBackend {
 public:
  FailingDecoder(const std::filesystem::path& folder, const EngineOptions& options, TokenId poison)
      : decoder_(folder, options.max_rows + options.prefill_tokens, options.kv_tokens),
        poison_(poison) {}
  const ModelConfig& config() const override { return decoder_.config(); }
  bool has_value_head() const override { return decoder_.has_value_head(); }
  int kv_tokens() const override { return decoder_.kv_tokens(); }
  SlotLayout layout() const override { return decoder_.layout(); }
  int max_steps() const override { return decoder_.max_steps(); }
  void Compute(const Pass& pass, PassResult& result) override {
    for (const TokenRow& row : pass.rows) {
      if (row.token == poison_) throw std::bad_alloc();
    }
    decoder_.Compute(pass, result);
  }

 private:
  CpuDecoder decoder_;
  TokenId poison_;
};

}  // namespace

TEST_CASE("a pass that throws fails the requests in it, and those after it get what they would") {
  const TestModel model;
  const EngineOptions options{.max_rows = 4, .prefill_tokens = 64, .kv_tokens = 1024};
  const TokenId poison = Tokenizer::Load(model.folder()).IdOf("<stop>").value();
  BatchingEngine engine(model.folder(), ModelDigest(model.folder()),
                        std::make_unique<FailingDecoder>(model.folder(), options, poison), options);
  const auto plain = CpuBatching(model.folder(), options);
  for (Seed seed = 1; seed <= 6; ++seed) {  // More often than may happen in a row.
    const SequencePtr context = Extend(nullptr, SomeTokens(9, seed));
    CHECK(RunOne(engine, Request(Extend(context, {poison}), 2, 5, seed)).empty());
    const GenerateRequest good = Request(context, 3, 12, seed);
    CHECK(SameBits(RunOne(engine, good), RunOne(*plain, good)));
  }
  CHECK(engine.Counters().tokens_generated > 0);
  CheckNothingLeft(engine, options);
}

}  // namespace gradus
