#include "workers/engine/gpu/tensor_decoder.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "schemas/base/error.h"
#include "tests/fakes/temp_folder.h"
#include "tests/workers/engine/engine_requests.h"
#include "trainer/model/model.h"
#include "workers/engine/batching_engine.h"
#include "workers/engine/cpu/cpu_decoder.h"
#include "workers/engine/gpu/gpu_decoder.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

const char* const kFamilies[] = {"tiny_qwen2",  "tiny_qwen2_old", "tiny_qwen3",
                                 "tiny_llama3", "tiny_mistral",   "tiny_phi3"};

std::filesystem::path Golden(const char* name) {
  return std::filesystem::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden" / name;
}

BatchingEngine TensorEngine(const std::filesystem::path& folder, TensorDecoderOptions decoder,
                            EngineOptions options = {}) {
  decoder.kv_tokens = options.kv_tokens = std::min(options.kv_tokens, 1 << 13);
  return BatchingEngine(folder, ModelDigest(folder),
                        std::make_unique<TensorDecoder>(folder, decoder), options);
}

std::unique_ptr<Engine> CpuEngine(const std::filesystem::path& folder) {
  return MakeEngine(folder, {.device = EngineDevice::kCpu});
}

// A path of a few pieces, and requests of several depths of it that share their prefixes.
std::vector<GenerateRequest> FamilyRequests(bool greedy) {
  std::vector<GenerateRequest> requests = TreeRequests();
  for (GenerateRequest& request : requests) {
    request.sampling.temperature = greedy ? 0 : 1;
    request.top_logits = 260;
  }
  return requests;
}

void CheckSame(const std::vector<std::vector<Continuation>>& some,
               const std::vector<std::vector<Continuation>>& right) {
  REQUIRE(some.size() == right.size());
  for (std::size_t i = 0; i < right.size(); ++i) {
    REQUIRE(some[i].size() == right[i].size());
    std::map<TokenId, float> logits(right[i][0].top.begin(), right[i][0].top.end());
    REQUIRE(some[i][0].top.size() == logits.size());
    for (const auto& [id, logit] : some[i][0].top) {
      CHECK(std::abs(logit - logits.at(id)) < 1e-4f);
    }
    for (std::size_t s = 0; s < right[i].size(); ++s) {
      CHECK(some[i][s].tokens == right[i][s].tokens);
      CHECK(some[i][s].reason == right[i][s].reason);
      REQUIRE(some[i][s].logprobs.size() == right[i][s].logprobs.size());
      for (std::size_t t = 0; t < right[i][s].logprobs.size(); ++t) {
        CHECK(std::abs(some[i][s].logprobs[t] - right[i][s].logprobs[t]) < 1e-4f);
      }
    }
  }
}

}  // namespace

TEST_CASE("the tensor decoder gives every family's logits and tokens as the CPU's kernels do") {
  for (const char* name : kFamilies) {
    CAPTURE(std::string(name));
    const auto cpu = CpuEngine(Golden(name));
    for (const bool greedy : {true, false}) {
      const auto requests = FamilyRequests(greedy);
      const auto right = RunAll(*cpu, requests);
      // At once; in chunks and single steps; padded to buckets with several steps a wait.
      BatchingEngine plain = TensorEngine(Golden(name), {});
      CheckSame(RunAll(plain, requests), right);
      BatchingEngine chunks =
          TensorEngine(Golden(name), {}, {.max_rows = 7, .prefill_tokens = 5, .kv_tokens = 2048});
      CheckSame(RunAll(chunks, requests), right);
      BatchingEngine padded = TensorEngine(Golden(name), {.max_steps = 4, .padded = true});
      CheckSame(RunAll(padded, requests), right);
      CheckSame(RunAll(padded, requests), right);  // From its caches.
    }
  }
}

TEST_CASE("one request after the other gives what all together give, and copies shared pieces") {
  for (const char* name : {"tiny_qwen2", "tiny_mistral"}) {
    const auto cpu = CpuEngine(Golden(name));
    BatchingEngine tensors = TensorEngine(Golden(name), {.max_steps = 3, .padded = true});
    for (const GenerateRequest& request : FamilyRequests(true)) {
      CheckSame({RunOne(tensors, request)}, {RunOne(*cpu, request)});
    }
  }
}

TEST_CASE("an arena that holds little evicts and computes again, with the same results") {
  for (const char* name : {"tiny_qwen3", "tiny_phi3"}) {
    const auto cpu = CpuEngine(Golden(name));
    const auto requests = FamilyRequests(true);
    BatchingEngine tensors =
        TensorEngine(Golden(name), {}, {.max_rows = 16, .prefill_tokens = 64, .kv_tokens = 72});
    const auto right = RunAll(*cpu, requests);
    for (int repeat = 0; repeat < 2; ++repeat) CheckSame(RunAll(tensors, requests), right);
    CHECK(tensors.Counters().pieces_evicted > 0);
    CHECK(tensors.Usage().pinned_pieces == 0);
    CHECK(tensors.Usage().rows == 0);
  }
}

TEST_CASE("log-probabilities of whole sequences agree with the CPU's kernels") {
  for (const char* name : kFamilies) {
    CAPTURE(std::string(name));
    const auto cpu = CpuEngine(Golden(name));
    BatchingEngine tensors =
        TensorEngine(Golden(name), {}, {.prefill_tokens = 16, .kv_tokens = 512});
    for (int length : {1, 2, 15, 60}) {
      const SequencePtr sequence = Extend(nullptr, SomeTokens(length, static_cast<Seed>(length)));
      CHECK(std::abs(WaitLogProb(tensors, sequence) - WaitLogProb(*cpu, sequence)) < 1e-3);
    }
  }
}

TEST_CASE("scores agree with the CPU's kernels") {
  const TempFolder scratch;
  RandomModelOptions shape;
  shape.hidden_size = 48;
  shape.num_layers = 2;
  MakeRandomModel(scratch / "policy", shape, {"<stop>"}, 5);
  Model model = LoadModel(scratch / "policy");
  AddValueHead(model, 4);
  model.value_weight.mul_(20);
  SaveModel(model, scratch / "ppm", scratch / "policy");
  const auto cpu = CpuEngine(scratch / "ppm");
  BatchingEngine tensors = TensorEngine(scratch / "ppm", {});
  const SequencePtr root = Extend(nullptr, SomeTokens(30, 1));
  for (Seed seed = 0; seed < 6; ++seed) {
    const SequencePtr leaf = Extend(root, SomeTokens(7, seed));
    std::promise<float> left, right;
    cpu->Score(leaf, [&](float value) { left.set_value(value); });
    tensors.Score(leaf, [&](float value) { right.set_value(value); });
    CHECK(std::abs(left.get_future().get() - right.get_future().get()) < 1e-5f);
  }
}

TEST_CASE("temperatures and filters draw the tokens that the CPU draws") {
  const auto cpu = CpuEngine(Golden("tiny_llama3"));
  BatchingEngine tensors = TensorEngine(Golden("tiny_llama3"), {.max_steps = 2, .padded = true});
  std::vector<GenerateRequest> requests;
  const SequencePtr root = Extend(nullptr, SomeTokens(20, 3));
  for (const SamplingOptions& sampling :
       {SamplingOptions{.temperature = 0.6}, SamplingOptions{.top_p = 0.7},
        SamplingOptions{.top_k = 9}, SamplingOptions{.min_p = 0.3},
        SamplingOptions{.temperature = 1.5, .top_p = 0.9, .top_k = 50, .min_p = 0.02},
        SamplingOptions{.temperature = 0}, SamplingOptions{.top_p = 0}}) {
    requests.push_back(Request(root, 20, 6, requests.size()));
    requests.back().sampling = sampling;
    requests.back().top_logits = 260;
  }
  const auto right = RunAll(*cpu, requests);
  CheckSame(RunAll(tensors, requests), right);
  for (const GenerateRequest& request : requests) {
    CheckSame({RunOne(tensors, request)}, {RunOne(*cpu, request)});
  }
}

TEST_CASE(
    "an arena takes what the weights leave of a device's memory, and no less than is of use") {
  constexpr std::size_t kGiB = std::size_t{1} << 30;
  CHECK(ArenaSlots(80 * kGiB, 3 * kGiB, 28672, kGiB, 262144) == 262144);
  const int little = ArenaSlots(5 * kGiB, 3 * kGiB, 28672, kGiB, 262144);
  CHECK(little > 10000);
  CHECK(std::size_t(little) * 28672 + 4 * kGiB <= 5 * kGiB / 10 * 9);
  CHECK(ArenaSlots(4 * kGiB, 3 * kGiB, 28672, kGiB, 262144) == 0);
  CHECK(ArenaSlots(0, 1, 1, 1, 262144) == 0);
}

TEST_CASE("a GPU asked for where none is usable is one clear error, and auto takes the CPU") {
  std::string why_not;
  if (OpenGpu(why_not)) {
    MESSAGE("skipped: this machine has a GPU");
    return;
  }
  CHECK(!why_not.empty());
  try {
    MakeEngine(Golden("tiny_qwen2"), {.device = EngineDevice::kCuda});
    FAIL("no error");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("engine.device cuda: " + why_not) == 0);
    CHECK(error.code() == ExitCode::kBadInput);
  }
  CHECK(RunOne(*MakeEngine(Golden("tiny_qwen2"), {}), Request(Extend(nullptr, {1, 2}), 1, 3, 1))[0]
            .tokens.size() == 3);
  CHECK_THROWS_AS(MakeEngine(Golden("tiny_qwen2"), {.dtype = EngineType::kBfloat16}), Error);
}

TEST_CASE("GPU: every family's logits and greedy tokens agree with the CPU" *
          doctest::test_suite("needs gpu")) {
  std::string why_not;
  if (!OpenGpu(why_not)) {
    MESSAGE("skipped: ", why_not);
    return;
  }
  for (const char* name : kFamilies) {
    CAPTURE(std::string(name));
    const auto cpu = CpuEngine(Golden(name));
    const auto requests = FamilyRequests(true);
    const auto right = RunAll(*cpu, requests);
    const auto full =
        MakeEngine(Golden(name), {.device = EngineDevice::kCuda, .dtype = EngineType::kFloat32});
    CheckSame(RunAll(*full, requests), right);
    // bfloat16, flash attention and graphs: close, and nearly always the same likeliest token.
    const auto half = MakeEngine(Golden(name), {.device = EngineDevice::kCuda});
    const auto fast = RunAll(*half, requests);
    int equal = 0;
    for (std::size_t i = 0; i < right.size(); ++i) {
      const std::map<TokenId, float> logits(right[i][0].top.begin(), right[i][0].top.end());
      for (const auto& [id, logit] : fast[i][0].top) CHECK(std::abs(logit - logits.at(id)) < 0.1f);
      equal += fast[i][0].tokens[0] == right[i][0].tokens[0];
    }
    CHECK(equal >= static_cast<int>(right.size()) * 9 / 10);
  }
}

}  // namespace gradus
