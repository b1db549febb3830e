#pragma once
#include <future>
#include <vector>

#include "workers/engine/engine.h"

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

}  // namespace gradus
