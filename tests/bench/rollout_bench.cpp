// Tokens per second of the rollout engine: flat (independent prompts) and tree (siblings of growing
// paths). Usage: bench_rollout [MODEL_DIR [ROWS]]; without a folder, the demonstration's shape with
// random weights.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <future>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "workers/policy/engine.h"
#include "workers/policy/hf_folder.h"

namespace gradus {
namespace {

constexpr int kPrompt = 16, kNew = 48, kStep = 10, kChildren = 6, kDepth = 6;

std::vector<TokenId> SomeTokens(int count, Seed seed) {
  Random random(seed);
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(static_cast<TokenId>(random.Below(256)));
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

// Wall and processor time since it was made: on a shared machine only the second says what the
// engine costs.
class Clock {
 public:
  double Wall() const { return MonotonicSeconds() - wall_; }
  double Cpu() const { return static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC; }

 private:
  double wall_ = MonotonicSeconds();
  std::clock_t cpu_ = std::clock();
};

void Report(const char* name, const EngineCounters& before, const EngineCounters& after,
            const Clock& clock) {
  const auto sampled = static_cast<double>(after.tokens_generated - before.tokens_generated);
  const auto context = static_cast<double>(after.tokens_prefilled - before.tokens_prefilled);
  std::printf(
      "{\"bench\":\"rollout\",\"shape\":\"%s\",\"generated_per_s\":%.0f,"
      "\"computed_per_s\":%.0f,\"generated_per_cpu_s\":%.0f,\"computed_per_cpu_s\":%.0f}\n",
      name, sampled / clock.Wall(), (sampled + context) / clock.Wall(), sampled / clock.Cpu(),
      (sampled + context) / clock.Cpu());
}

// Independent prompts, as many as rows, one sample each, twice over.
void Flat(Engine& engine, int rows) {
  const EngineCounters before = engine.Counters();
  const Clock clock;
  std::vector<std::promise<void>> done(static_cast<std::size_t>(2 * rows));
  for (std::size_t i = 0; i < done.size(); ++i) {
    engine.Generate(Request(Extend(nullptr, SomeTokens(kPrompt, i)), 1, kNew, i),
                    [&, i](std::vector<Continuation>) { done[i].set_value(); });
  }
  for (std::promise<void>& one : done) one.get_future().wait();
  Report("flat", before, engine.Counters(), clock);
}

// One tree: expands a node, descends into its first child, starts again at the root when deep
// enough.
class Tree {
 public:
  Tree(Engine& engine, Seed seed) : engine_(engine), seed_(seed) {}
  std::future<void> Done() { return done_.get_future(); }
  void Grow(SequencePtr node, int expansions) {
    if (expansions == 0) return done_.set_value();
    engine_.Generate(Request(node, kChildren, kStep, MixSeed(seed_, std::uint64_t(expansions))),
                     [this, node, expansions](std::vector<Continuation> children) {
                       const bool deep = expansions % kDepth == 0;
                       Grow(deep ? Extend(nullptr, SomeTokens(kPrompt, seed_))
                                 : Extend(node, children[0].tokens),
                            expansions - 1);
                     });
  }
  void Start() { Grow(Extend(nullptr, SomeTokens(kPrompt, seed_)), 4 * kDepth); }

 private:
  Engine& engine_;
  Seed seed_;
  std::promise<void> done_;
};

void Trees(Engine& engine, int rows) {
  const EngineCounters before = engine.Counters();
  const Clock clock;
  std::vector<std::unique_ptr<Tree>> trees;
  std::vector<std::future<void>> done;
  for (int i = 0; i < rows / kChildren; ++i) {
    trees.push_back(std::make_unique<Tree>(engine, static_cast<Seed>(i)));
    done.push_back(trees.back()->Done());
  }
  for (const std::unique_ptr<Tree>& tree : trees) tree->Start();
  for (std::future<void>& one : done) one.wait();
  Report("tree", before, engine.Counters(), clock);
}

int Main(int argc, char** argv) {
  std::filesystem::path folder;
  const bool made = argc < 2;
  if (made) {
    folder = std::filesystem::temp_directory_path() / fmt::format("rollout_bench.{}", ::getpid());
    MakeRandomModel(folder, RandomModelOptions{}, {"<a>", "<b>", "<c>", "<d>"}, 1);
  } else {
    folder = argv[1];
  }
  {
    const int rows = argc > 2 ? std::atoi(argv[2]) : 240;
    EngineOptions options;
    options.max_rows = rows;
    const std::unique_ptr<Engine> engine = MakeEngine(folder, options);
    Flat(*engine, rows);
    Trees(*engine, rows);
  }
  if (made) std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  try {
    return gradus::Main(argc, argv);
  } catch (const gradus::Error& error) {
    std::fprintf(stderr, "bench_rollout: %s\n", error.what());
    return static_cast<int>(error.code());
  }
}
