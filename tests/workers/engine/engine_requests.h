#pragma once
#include <cstring>
#include <filesystem>
#include <future>
#include <vector>

#include "tests/fakes/temp_folder.h"
#include "workers/engine/batching_engine.h"
#include "workers/engine/cpu/cpu_decoder.h"
#include "workers/engine/engine.h"
#include "workers/models/hf_folder.h"

namespace gradus {

inline std::vector<TokenId> SomeTokens(int count, Seed seed) {
  Random random(seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(random.Below(257)));
  return tokens;
}

inline GenerateRequest Request(SequencePtr context, int samples, int max_tokens, Seed seed) {
  GenerateRequest request;
  request.context = std::move(context);
  request.samples = samples;
  request.max_tokens = max_tokens;
  request.seed = seed;
  return request;
}

// Submits all at once and waits for all.
inline std::vector<std::vector<Continuation>> RunAll(Engine& engine,
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

inline std::vector<Continuation> RunOne(Engine& engine, const GenerateRequest& request) {
  return RunAll(engine, {request})[0];
}

// Paths of a small tree: shared roots, shared inner pieces, an empty piece, one-token pieces.
inline std::vector<GenerateRequest> TreeRequests() {
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

inline double WaitLogProb(Engine& engine, const SequencePtr& sequence) {
  std::promise<double> promise;
  engine.LogProb(sequence, [&](double value) { promise.set_value(value); });
  return promise.get_future().get();
}

// A small random model in a folder of its own.
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

inline bool SameBits(const std::vector<Continuation>& a, const std::vector<Continuation>& b) {
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

// An engine of the CPU whose counters and arena can be seen.
inline std::unique_ptr<BatchingEngine> CpuBatching(const std::filesystem::path& folder,
                                                   const EngineOptions& options) {
  auto decoder = std::make_unique<CpuDecoder>(folder, options.max_rows + options.prefill_tokens,
                                              options.kv_tokens);
  return std::make_unique<BatchingEngine>(folder, ModelDigest(folder), std::move(decoder), options);
}

}  // namespace gradus
