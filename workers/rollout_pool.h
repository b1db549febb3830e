#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "schemas/problem.h"
#include "schemas/tree.h"
#include "verify/verifier_kind.h"
#include "workers/engine/engine.h"
#include "workers/environments/options.h"
#include "workers/search/options.h"

namespace gradus {

struct RolloutOptions {
  SearchOptions search;
  EnvironmentOptions environment;
  EngineOptions engine;
  VerifierOptions verifier;
};

// One problem to search.
struct RolloutTask {
  Key key;
  Problem problem;
  Seed seed = 0;
  SearchSpec spec;
};

struct RolloutCounters {
  EngineCounters policy, ppm;
  std::uint64_t programs = 0, trees = 0, in_flight = 0;
  double execute_cpu_s = 0;
};

// Searches many problems at once: a coroutine each, on one thread, over one policy engine, one PPM
// engine and the verifier of this worker. Destruction drops what is in flight without calling
// back.
class RolloutPool {
 public:
  // `ppm` may be empty. Throws Error when a model or the interpreter cannot be loaded.
  RolloutPool(const RolloutOptions& options, const std::filesystem::path& policy,
              const std::filesystem::path& ppm);
  ~RolloutPool();
  // Returns at once; one of the two is called later from the pool's thread. Any thread may call.
  void Start(RolloutTask task, std::function<void(Tree)> done,
             std::function<void(std::string)> failed);
  RolloutCounters Counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gradus
