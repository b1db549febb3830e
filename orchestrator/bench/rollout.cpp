#include "orchestrator/bench/rollout.h"

#include <algorithm>
#include <future>
#include <memory>
#include <string>

#include "orchestrator/bench/model.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "workers/compute/machine_bounds.h"
#include "workers/engine/engine.h"
#include "workers/models/model_config.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// Floating-point operations of one token: every weight twice, and its attention to `context` keys.
double TokenFlops(const ModelConfig& c, double context, bool logits) {
  const double q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
  const double layer = c.hidden_size * (2 * q + 2 * kv) + 3.0 * c.hidden_size * c.intermediate_size;
  const double head = logits ? static_cast<double>(c.hidden_size) * c.vocab_size : 0;
  return 2 * (c.num_layers * layer + head) + c.num_layers * 4 * q * context;
}

class Bench {
 public:
  explicit Bench(const RolloutBenchOptions& options)
      : options_(options),
        model_(options.model, {"<a>", "<b>"}),
        config_(ReadModelConfig(model_.folder())) {
    const int longest = std::max(options.prompt + options.new_tokens,
                                 options.prefix + options.depth * options.step) +
                        options.step;
    if (longest > config_.max_positions) {
      Fail("bench rollout: sequences of {} tokens do not fit the model's {} positions", longest,
           config_.max_positions);
    }
    EngineOptions engine;
    const int rows = std::max(options.expansions * options.siblings,
                              *std::max_element(options.batches.begin(), options.batches.end()));
    engine.max_rows = std::max(rows, 16);
    engine.kv_tokens = std::max(engine.kv_tokens, 2 * rows * longest);
    engine_ = MakeEngine(model_.folder(), engine);
    bounds_ = MeasureMachineBounds();
  }

  Json Run() {
    Json flat = Json::array();
    for (int batch : options_.batches) flat.push_back(Flat(batch));
    return {
        {"model", options_.model.empty() ? "random" : options_.model.string()},
        {"core", {{"gflops", bounds_.flops / 1e9}, {"read_gb_per_s", bounds_.read_bytes / 1e9}}},
        {"flat", std::move(flat)},
        {"tree", Tree()},
        {"search", Search()}};
  }

 private:
  SequencePtr Context(SequencePtr parent, int length) {
    std::vector<TokenId> tokens;
    for (int i = 0; i < length; ++i) {
      tokens.push_back(static_cast<TokenId>(random_.Below(std::min(config_.vocab_size, 256))));
    }
    return Extend(std::move(parent), std::move(tokens));
  }

  // All requests at once; their continuations in order.
  std::vector<std::vector<Continuation>> Generate(const std::vector<SequencePtr>& contexts,
                                                  int samples, int new_tokens, bool greedy) {
    std::vector<std::promise<std::vector<Continuation>>> done(contexts.size());
    for (std::size_t i = 0; i < contexts.size(); ++i) {
      GenerateRequest request;
      request.context = contexts[i];
      request.samples = samples;
      request.max_tokens = new_tokens;
      request.sampling.temperature = greedy ? 0 : 1;
      request.seed = i;
      engine_->Generate(std::move(request), [&done, i](std::vector<Continuation> result) {
        done[i].set_value(std::move(result));
      });
    }
    std::vector<std::vector<Continuation>> results;
    for (auto& one : done) results.push_back(one.get_future().get());
    return results;
  }

  // Figures of what the engine did since `before`, `context` keys per token on average.
  Json Figures(const EngineCounters& before, double seconds, double context) const {
    const EngineCounters after = engine_->Counters();
    const auto generated = static_cast<double>(after.tokens_generated - before.tokens_generated);
    const auto prefilled = static_cast<double>(after.tokens_prefilled - before.tokens_prefilled);
    const double flops = generated * TokenFlops(config_, context, true) +
                         prefilled * TokenFlops(config_, context / 2, false);
    return {{"seconds", seconds},
            {"tokens_generated", generated},
            {"tokens_prefilled", prefilled},
            {"generated_per_s", generated / seconds},
            {"gflops", flops / seconds / 1e9},
            {"share_of_compute_bound", flops / seconds / bounds_.flops}};
  }

  Json Flat(int batch) {
    std::vector<SequencePtr> prompts;
    for (int i = 0; i < batch; ++i) prompts.push_back(Context(nullptr, options_.prompt));
    const EngineCounters before = engine_->Counters();
    const double start = MonotonicSeconds();
    Generate(prompts, 1, options_.new_tokens, true);
    Json figures =
        Figures(before, MonotonicSeconds() - start, options_.prompt + options_.new_tokens / 2.0);
    figures["batch"] = batch;
    return figures;
  }

  Json Tree() {
    std::vector<SequencePtr> prefixes;
    for (int i = 0; i < options_.expansions; ++i) {
      prefixes.push_back(Context(nullptr, options_.prefix));
    }
    const EngineCounters before = engine_->Counters();
    const double start = MonotonicSeconds();
    Generate(prefixes, options_.siblings, options_.step, false);
    return Figures(before, MonotonicSeconds() - start, options_.prefix + options_.step / 2.0);
  }

  // `expansions` searches at once, each `depth` steps down a path of first children. `kept`: nodes
  // are pieces of one chain; else every context is new to the engine.
  double SearchSeconds(bool kept, double& in_paths) {
    std::vector<SequencePtr> nodes;
    for (int i = 0; i < options_.expansions; ++i)
      nodes.push_back(Context(nullptr, options_.prefix));
    const double start = MonotonicSeconds();
    for (int depth = 0; depth < options_.depth; ++depth) {
      for (const SequencePtr& node : nodes) in_paths += options_.siblings * node->length();
      const auto children = Generate(nodes, options_.siblings, options_.step, false);
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        in_paths += static_cast<double>(children[i].size()) * options_.step;
        nodes[i] = Extend(nodes[i], children[i][0].tokens);
        if (kept) continue;
        std::vector<TokenId> whole;
        for (const Sequence* at = nodes[i].get(); at; at = at->parent().get()) {
          whole.insert(whole.begin(), at->tokens().begin(), at->tokens().end());
        }
        nodes[i] = Extend(nullptr, std::move(whole));
      }
    }
    return MonotonicSeconds() - start;
  }

  Json Search() {
    double in_paths = 0, unused = 0;
    const EngineCounters before = engine_->Counters();
    const double kept = SearchSeconds(true, in_paths);
    const EngineCounters after = engine_->Counters();
    const double computed = static_cast<double>(after.tokens_generated - before.tokens_generated) +
                            static_cast<double>(after.tokens_prefilled - before.tokens_prefilled);
    const double again = SearchSeconds(false, unused);
    return {{"seconds_keys_kept", kept},    {"seconds_computed_again", again},
            {"times_faster", again / kept}, {"tokens_in_paths", in_paths},
            {"tokens_computed", computed},  {"paths_over_computed", in_paths / computed}};
  }

  RolloutBenchOptions options_;
  BenchModel model_;
  ModelConfig config_;
  std::unique_ptr<Engine> engine_;
  MachineBounds bounds_;
  Random random_{1};
};

}  // namespace

Json BenchRollout(const RolloutBenchOptions& options) { return Bench(options).Run(); }

}  // namespace gradus
