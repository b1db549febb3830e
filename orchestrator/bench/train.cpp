#include "orchestrator/bench/train.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/base/seed.h"
#include "schemas/files/training_row.h"
#include "trainer/cost/compute_bound.h"
#include "trainer/cost/kernel_times.h"
#include "trainer/train.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;
using Tokens = std::vector<std::int32_t>;

constexpr int kByteTokens = 257;  // What a random model's tokenizer has without added tokens.

double ProcessorSeconds() { return double(std::clock()) / CLOCKS_PER_SEC; }

double Median(std::vector<double> values) {
  const auto middle = values.begin() + std::ptrdiff_t(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Neighbouring differences.
std::vector<double> Between(const std::vector<double>& ends) {
  std::vector<double> steps;
  for (std::size_t i = 1; i < ends.size(); ++i) steps.push_back(ends[i] - ends[i - 1]);
  return steps;
}

class Bench {
 public:
  explicit Bench(const TrainBenchOptions& options)
      : options_(options),
        scratch_(fs::temp_directory_path() / fmt::format("gradus-bench-train-{}", ::getpid())) {
    if (options.longest < options.shortest || options.vocabulary < kByteTokens)
      Fail("bench train: longest is less than shortest, or vocabulary less than {}", kByteTokens);
    RandomModelOptions shape;
    shape.hidden_size = options.hidden;
    shape.intermediate_size = options.ffn;
    shape.num_layers = options.layers;
    shape.num_heads = options.heads;
    shape.num_kv_heads = options.kv_heads;
    shape.max_positions = std::max(options.longest, options.prefix + options.side);
    std::vector<std::string> added;
    for (int i = kByteTokens; i < options.vocabulary; ++i) added.push_back(fmt::format("<{}>", i));
    MakeFolder(scratch_);
    MakeRandomModel(scratch_ / "model", shape, added, 1);
  }
  ~Bench() {
    std::error_code ignored;
    fs::remove_all(scratch_, ignored);
  }
  Bench(const Bench&) = delete;

  Json Run() {
    Json sft = Sft(), pairs = Pairs();
    if (!options_.inputs.empty()) {
      MakeFolder(options_.inputs);
      fs::copy(scratch_ / "model", options_.inputs / "model", fs::copy_options::recursive);
    }
    return {{"core", {{"gflops", ComputeBound(-1, Precision::kFp32) / 1e9}}},
            {"pack_tokens", options_.pack_tokens},
            {"sft", std::move(sft)},
            {"pairs", std::move(pairs)}};
  }

 private:
  Tokens Draw(int length) {
    Tokens tokens;
    for (int i = 0; i < length; ++i)
      tokens.push_back(std::int32_t(random_.Below(std::uint64_t(options_.vocabulary))));
    return tokens;
  }

  TrainOptions Options(int longest, TrainOptions train = {}) const {
    train.steps = options_.steps + 1;
    train.batch = options_.rows;
    train.micro_batches = 1;
    train.checkpoint_steps = 0;
    train.max_tokens = longest;
    train.pack_tokens = options_.pack_tokens;
    train.recompute = options_.recompute;
    return train;
  }

  TrainOrder Order(const std::string& name) const {
    TrainOrder order;
    order.model = scratch_ / "model";
    order.output = scratch_ / (name + "-trained");
    order.checkpoints = scratch_ / "steps";
    order.data = {scratch_ / (name + ".h5")};
    return order;
  }

  // One JSON object a row, for whoever repeats the measurement with another program.
  void Keep(const std::string& name, const std::vector<Json>& lines) const {
    if (options_.inputs.empty()) return;
    std::string text;
    for (const Json& line : lines) text += line.dump() + "\n";
    MakeFolder(options_.inputs);
    WriteFileAtomically(options_.inputs / (name + ".jsonl"), text);
  }

  Json Sft() {
    std::vector<SftRow> rows;
    std::vector<Json> lines;
    for (int i = 0; i < options_.rows; ++i) {
      SftRow& row = rows.emplace_back();
      const auto spread = std::uint64_t(options_.longest - options_.shortest + 1);
      const int length = options_.shortest + int(random_.Below(spread));
      row.tokens = Draw(length);
      const int prompt = std::min(options_.prompt, length / 2);
      for (int at = 0; at < length; ++at) row.mask.push_back(at >= prompt);
      lines.push_back({{"tokens", row.tokens}, {"mask", row.mask}});
    }
    const TrainOrder order = Order("sft");
    WriteSftRows(order.data[0], rows);
    Keep("sft", lines);
    return Measure([&](const TrainCallbacks& callbacks) {
      TrainPolicy(order, Options(options_.longest), {}, *MakeSoloCollectives(), callbacks);
    });
  }

  Json Pairs() {
    std::vector<PreferencePair> pairs;
    std::vector<Json> lines;
    for (int i = 0; i < options_.rows; ++i) {
      PreferencePair& pair = pairs.emplace_back();
      pair.prefix = Draw(options_.prefix);
      pair.chosen = Draw(options_.side);
      pair.rejected = Draw(options_.side);
      lines.push_back(
          {{"prefix", pair.prefix}, {"chosen", pair.chosen}, {"rejected", pair.rejected}});
    }
    const TrainOrder order = Order("pairs");
    WritePairs(order.data[0], pairs);
    Keep("pairs", lines);
    return Measure([&](const TrainCallbacks& callbacks) {
      PpmTrainOptions ppm;
      ppm.train = Options(options_.prefix + options_.side, ppm.train);
      TrainPpm(order, ppm, *MakeSoloCollectives(), callbacks);
    });
  }

  template <class Train>
  Json Measure(Train train) {
    std::optional<KernelTimes> times;
    std::map<std::string, double> kinds;
    std::vector<double> ends, processor;
    TrainProgress last;
    TrainCallbacks callbacks;
    callbacks.progress = [&](const TrainProgress& progress) {
      last = progress;
      ends.push_back(MonotonicSeconds());
      processor.push_back(ProcessorSeconds());
      if (progress.step == 1) times.emplace();
      if (progress.step == progress.steps) kinds = times->Seconds();
    };
    train(callbacks);
    times.reset();
    const double whole = ends.back() - ends.front();
    const double median = Median(Between(ends));
    double rest = whole;
    Json split;
    for (const auto& [kind, seconds] : kinds) {
      split[kind] = seconds / whole;
      rest -= seconds;
    }
    split["outside of tensor operations"] = rest / whole;
    return {{"tokens", last.step_tokens},
            {"step_s", median},
            {"step_processor_s", Median(Between(processor))},
            {"tokens_per_s", double(last.step_tokens) / median},
            {"gflops", last.flops / median / 1e9},
            {"share_of_bound", last.flops / median / last.bound},
            {"share_of_time", std::move(split)}};
  }

  TrainBenchOptions options_;
  fs::path scratch_;
  Random random_{1};
};

}  // namespace

Json BenchTrain(const TrainBenchOptions& options) { return Bench(options).Run(); }

}  // namespace gradus
