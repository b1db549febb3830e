#include "workers/engine/engine.h"

#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/workers/engine/engine_requests.h"

namespace gradus {

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
