#include "workers/engine/engine.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "tests/workers/engine/engine_requests.h"
#include "workers/engine/batching_engine.h"
#include "workers/engine/cpu/cpu_decoder.h"
#include "workers/models/hf_folder.h"

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

namespace {

std::unique_ptr<BatchingEngine> CpuBatching(const std::filesystem::path& folder,
                                            const EngineOptions& options) {
  auto decoder = std::make_unique<CpuDecoder>(folder, options.max_rows + options.prefill_tokens,
                                              options.kv_tokens);
  return std::make_unique<BatchingEngine>(folder, ModelDigest(folder), std::move(decoder), options);
}

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

TEST_CASE("a hostile model folder is one clear error, whatever is wrong with it") {
  const TestModel model;
  namespace fs = std::filesystem;
  const auto refuse = [&](const char* what, const auto& spoil, const char* reason) {
    CAPTURE(std::string(what));
    const TempFolder scratch;
    const fs::path folder = scratch / "m";
    fs::copy(model.folder(), folder);
    spoil(folder);
    try {
      MakeEngine(folder, {.device = EngineDevice::kCpu, .kv_tokens = 256});
      FAIL_CHECK("no error");
    } catch (const Error& error) {
      const std::string message = error.what();
      CHECK_MESSAGE(message.find(reason) != std::string::npos, message);
      CHECK(message.find('\n') == std::string::npos);
      CHECK(error.code() == ExitCode::kBadInput);
    }
  };
  const auto weights = [](const fs::path& folder) { return folder / "model.safetensors"; };
  const auto index = [](const fs::path& folder, const std::string& place) {
    fs::rename(folder / "model.safetensors", folder / "part.safetensors");
    WriteBytes(folder / "model.safetensors.index.json",
               "{\"weight_map\":{\"model.norm.weight\":\"" + place + "\"}}");
  };
  refuse(
      "truncated", [&](const fs::path& m) { fs::resize_file(weights(m), 5000); }, "file");
  refuse(
      "empty", [&](const fs::path& m) { fs::resize_file(weights(m), 0); }, "too few");
  refuse(
      "gone", [&](const fs::path& m) { fs::remove(weights(m)); }, "model.safetensors");
  refuse(
      "a folder in its place",
      [&](const fs::path& m) {
        fs::remove(weights(m));
        fs::create_directory(weights(m));
      },
      "");
  refuse(
      "a dangling link",
      [&](const fs::path& m) {
        fs::remove(weights(m));
        fs::create_symlink("nowhere", weights(m));
      },
      "model.safetensors");
  refuse(
      "a link to itself",
      [&](const fs::path& m) {
        fs::remove(weights(m));
        fs::create_symlink("model.safetensors", weights(m));
      },
      "model.safetensors");
  refuse(
      "a file that is not finite",
      [&](const fs::path& m) {
        std::fstream file(weights(m), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(-4, std::ios::end);
        const float bad = std::nanf("");
        file.write(reinterpret_cast<const char*>(&bad), 4);
      },
      "value");
  refuse(
      "another shape",
      [&](const fs::path& m) {
        std::string config = ReadFile(m / "config.json");
        const std::string key = "\"intermediate_size\": 80";
        REQUIRE(config.find(key) != std::string::npos);
        config.replace(config.find(key), key.size(), "\"intermediate_size\": 96");
        WriteBytes(m / "config.json", config);
      },
      "has shape");
  refuse(
      "no config.json", [&](const fs::path& m) { fs::remove(m / "config.json"); }, "config.json");
  refuse(
      "an index that leaves the folder",
      [&](const fs::path& m) { index(m, "../part.safetensors"); }, "names no file of this folder");
  refuse(
      "an index with an absolute path",
      [&](const fs::path& m) { index(m, (m / "part.safetensors").string()); },
      "names no file of this folder");
  refuse(
      "an index that names the folder itself", [&](const fs::path& m) { index(m, "."); }, "");
  refuse(
      "an index that names a tensor twice",
      [&](const fs::path& m) {
        index(m, "part.safetensors\",\"model.norm.weight\":\"part.safetensors");
      },
      "duplicate key");
}

TEST_CASE("weights behind a symbolic link are read: caches of checkpoints are built so") {
  const TestModel model;
  const TempFolder scratch;
  std::filesystem::copy(model.folder(), scratch / "m");
  std::filesystem::rename(scratch / "m" / "model.safetensors", scratch / "blob");
  std::filesystem::create_symlink("../blob", scratch / "m" / "model.safetensors");
  CHECK(MakeEngine(scratch / "m", EngineOptions{})->ModelDigest() ==
        MakeEngine(model.folder(), EngineOptions{})->ModelDigest());
}

}  // namespace gradus
