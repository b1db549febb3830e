#include "workers/models/shared_floats.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "schemas/base/error.h"
#include "tests/fakes/temp_folder.h"
#include "tests/workers/engine/engine_requests.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

constexpr std::size_t kCount = 5000;

void Count(float* out) { std::iota(out, out + kCount, 1.0f); }

int FilesIn(const TempFolder& folder) {
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
  }
  return files;
}

}  // namespace

TEST_CASE("many users at once fill shared numbers once, and the last one takes the file away") {
  const TempFolder folder;
  std::atomic<int> fills = 0, right = 0;
  {
    std::vector<SharedFloats> users(8);
    std::vector<std::thread> threads;
    for (SharedFloats& user : users) {
      threads.emplace_back([&] {
        user = SharedFloats(folder.path(), "x", kCount, [&](float* out) {
          ++fills;
          Count(out);
        });
        right += user.shared() && user.data()[0] == 1 && user.data()[kCount - 1] == kCount;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(fills == 1);
    CHECK(right == 8);
    CHECK(FilesIn(folder) == 1);
    users.resize(1);
    CHECK(FilesIn(folder) == 1);
    CHECK(users[0].data()[7] == 8);
  }
  CHECK(FilesIn(folder) == 0);
}

TEST_CASE("what a killed process left half filled is filled anew, and what nobody uses goes") {
  const TempFolder folder;
  const std::string name = "gradus-weights-" + std::to_string(::geteuid()) + "-";
  WriteBytes(folder / (name + "x"), "half");
  WriteBytes(folder / (name + "other"), "of another model");
  const SharedFloats user(folder.path(), "x", kCount, Count);
  CHECK(user.shared());
  CHECK(user.data()[99] == 100);
  CHECK(FilesIn(folder) == 1);
}

TEST_CASE("where sharing is not possible the numbers are private and the same") {
  const TempFolder folder;
  const SharedFloats none({}, "x", kCount, Count);
  const SharedFloats missing(folder / "missing", "x", kCount, Count);
  std::filesystem::create_directory(folder /
                                    ("gradus-weights-" + std::to_string(::geteuid()) + "-x"));
  const SharedFloats in_the_way(folder.path(), "x", kCount, Count);
  for (const SharedFloats* user : {&none, &missing, &in_the_way}) {
    CHECK_FALSE(user->shared());
    CHECK(user->data()[kCount - 1] == kCount);
  }
}

TEST_CASE("a filling that fails is told and leaves no file") {
  const TempFolder folder;
  CHECK_THROWS_WITH_AS(
      SharedFloats(folder.path(), "x", kCount, [](float*) { Fail("no such weights"); }),
      "no such weights", Error);
  CHECK(FilesIn(folder) == 0);
}

TEST_CASE("shared weights generate what private ones do, and no file outlives its engines") {
  const TempFolder scratch;
  RandomModelOptions shape;
  shape.num_layers = 2;
  MakeRandomModel(scratch / "m", shape, {"<stop>"}, 77);
  const std::string digest = ModelDigest(scratch / "m");
  const auto file_of_model = [&] {
    for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
      if (entry.path().string().find(digest) != std::string::npos) return true;
    }
    return false;
  };
  const GenerateRequest request = Request(Extend(nullptr, SomeTokens(20, 1)), 6, 12, 4);
  const auto tokens = [&](const EngineOptions& options) {
    const auto engine = MakeEngine(scratch / "m", options);
    const auto other = MakeEngine(scratch / "m", options);
    CHECK((!options.share_weights || file_of_model()));
    std::vector<std::vector<TokenId>> all;
    std::vector<float> logprobs;
    for (Engine* one : {engine.get(), other.get()}) {
      for (const Continuation& c : RunOne(*one, request)) {
        all.push_back(c.tokens);
        logprobs.insert(logprobs.end(), c.logprobs.begin(), c.logprobs.end());
      }
    }
    return std::pair(all, logprobs);
  };
  CHECK(tokens({.device = EngineDevice::kCpu}) ==
        tokens({.device = EngineDevice::kCpu, .share_weights = false}));
  CHECK_FALSE(file_of_model());
}

}  // namespace gradus
