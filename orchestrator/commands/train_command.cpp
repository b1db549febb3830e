#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/commands/commands.h"
#include "orchestrator/group_link.h"
#include "orchestrator/json_rows.h"
#include "orchestrator/launch.h"
#include "orchestrator/stop_signal.h"
#include "orchestrator/train_log.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/training_row.h"
#include "trainer/rows.h"
#include "trainer/train.h"
#include "workers/policy/hf_folder.h"
#include "workers/policy/tokenizer/tokenizer.h"

namespace gradus {
namespace {

struct TrainArguments {
  std::string model, held_out, output, log, kind = "sft";
  std::vector<std::string> data;
  JsonRowOptions rows;
  PpmTrainOptions options;
  std::uint64_t seed = 0;
  int progress_steps = 20;
  double deadline_s = 120;
  bool json = false;

  bool IsSft() const { return kind == "sft"; }
  // Rows made of JSON lines and step checkpoints, until the model is published.
  fs::path Work() const { return output + ".training"; }
};

bool IsJsonLines(const fs::path& data) { return data.extension() == ".jsonl"; }

// Where the rows of a data file are: in itself, or in what Prepare makes of it.
fs::path RowsOf(const TrainArguments& a, const fs::path& data, const std::string& name) {
  return IsJsonLines(data) ? a.Work() / (name + ".h5") : data;
}

TrainOrder OrderOf(const TrainArguments& a) {
  TrainOrder order;
  order.model = a.model;
  order.output = a.output;
  order.checkpoints = a.Work() / "steps";
  for (std::size_t i = 0; i < a.data.size(); ++i)
    order.data.push_back(RowsOf(a, a.data[i], fmt::format("rows-{}", i)));
  if (!a.held_out.empty()) order.held_out = RowsOf(a, a.held_out, "held_out");
  order.seed = a.seed;
  return order;
}

bool HasPpmFlags(const TrainArguments& a) {
  const PpmTrainOptions& given = a.options;
  const PpmTrainOptions usual;
  return !a.held_out.empty() || given.objective != usual.objective ||
         given.normalisation != usual.normalisation || given.tanh_in_loss != usual.tanh_in_loss ||
         given.eval_steps != usual.eval_steps || given.keep != usual.keep;
}

// A flag that would do nothing is a mistake.
void CheckFlags(const TrainArguments& a) {
  if (a.IsSft() && HasPpmFlags(a))
    Fail(
        "--held-out, --objective, --sum, --raw-scores, --eval-steps and --keep are for --kind ppm");
  CheckOptions(a.rows);
  const JsonRowOptions usual;
  const bool reshaped = a.rows.prompt != usual.prompt || a.rows.loss != usual.loss;
  for (const std::string& data : a.data) {
    if (reshaped && !IsJsonLines(data))
      Fail("{}: --template, --mask-output and --no-eos are for JSON lines; these rows are made",
           data);
  }
  if (!a.IsSft() && a.rows.loss != usual.loss)
    Fail("--mask-output and --no-eos are for --kind sft: a pair's sides are scored as they stand");
}

// On rank 0, before the others start: everything that can be wrong with the input is found here.
void Prepare(const TrainArguments& a) {
  if (!a.IsSft()) CheckOptions(a.options);
  CheckFlags(a);
  CheckModelFolder(a.model);
  const Tokenizer tokenizer = Tokenizer::Load(a.model);
  const ModelConfig config = ReadModelConfig(a.model);
  const TrainOrder order = OrderOf(a);
  for (std::size_t i = 0; i < a.data.size(); ++i) {
    if (IsJsonLines(a.data[i]))
      (a.IsSft() ? ConvertSftRows : ConvertPairs)(a.data[i], tokenizer, a.rows, order.data[i]);
  }
  if (IsJsonLines(a.held_out)) ConvertPairs(a.held_out, tokenizer, a.rows, order.held_out);
  const int max_tokens = a.options.train.max_tokens;
  if (a.IsSft()) {
    const auto rows = LoadSftRows(order.data, config, max_tokens);
    RequireRows(rows.rows.size(), rows.dropped, order.data);
  } else {
    const auto pairs = LoadPairs(order.data, config, max_tokens);
    RequireRows(pairs.rows.size(), pairs.dropped, order.data);
    if (!order.held_out.empty()) LoadPairs({order.held_out}, config, max_tokens);
  }
}

// Progress lines, each about the steps since the one before; and the rate from the second step on:
// the first also warms caches up.
class Progress {
 public:
  explicit Progress(int every) : every_(every) {}
  void Show(const TrainProgress& p) {
    since_.Add(p);
    if (p.step > 1) all_.Add(p);
    if (p.step % every_ != 0 && p.step != p.steps && p.step != 1) return;
    std::string line = fmt::format("step {}/{}  loss {:.6f}  lr {:.2e}  |g| {:.3f}", p.step,
                                   p.steps, p.loss, p.lr, p.grad_norm);
    if (!std::isnan(p.pair_accuracy))
      line += fmt::format("  pairs {:.1f} %", p.pair_accuracy * 100);
    line += fmt::format("  {:.0f} tokens/s", since_.tokens / since_.seconds);
    if (p.bound > 0)
      line +=
          fmt::format(" ({:.0f} % of the bound)", since_.flops / since_.seconds / p.bound * 100);
    if (p.skipped_steps > 0) line += fmt::format("  {} skipped", p.skipped_steps);
    Log("{}", line);
    since_ = {};
  }
  double Rate() const { return all_.seconds > 0 ? all_.tokens / all_.seconds : 0; }

 private:
  struct Sum {
    double tokens = 0, seconds = 0, flops = 0;
    void Add(const TrainProgress& p) {
      tokens += double(p.step_tokens);
      seconds += p.seconds.Total();
      flops += p.flops;
    }
  };
  int every_;
  Sum since_, all_;
};

void PrintReport(const TrainArguments& arguments, const TrainReport& report, int ranks,
                 double rate) {
  nlohmann::ordered_json json = {{"output", arguments.output},
                                 {"digest", ModelDigest(arguments.output)},
                                 {"template_digest", arguments.rows.TemplateDigest()},
                                 {"steps", report.steps},
                                 {"tokens", report.tokens},
                                 {"dropped_rows", report.dropped_rows},
                                 {"skipped_steps", report.skipped_steps},
                                 {"ranks", ranks},
                                 {"tokens_per_s", std::round(rate)},
                                 {"first_loss", report.first_loss},
                                 {"last_loss", report.last_loss}};
  if (report.held_out_pairs > 0) {
    json["held_out_pairs"] = report.held_out_pairs;
    json["pair_accuracy"] = report.pair_accuracy;
    json["published_step"] = report.published_step;
  }
  if (arguments.json) {
    std::printf("%s\n", json.dump().c_str());
  } else {
    for (const auto& [key, value] : json.items())
      std::printf("%-16s %s\n", key.c_str(), value.dump().c_str());
  }
}

// One member of the group; every rank of the job is one.
int TrainAsMember(const TrainArguments& a, Transport& transport) {
  std::vector<int> members(static_cast<std::size_t>(transport.size()));
  std::iota(members.begin(), members.end(), 0);
  const bool speaks = transport.rank() == 0;
  Progress shown(a.progress_steps);
  TrainCallbacks callbacks;
  callbacks.stop = StopWasAsked;
  std::optional<TrainLog> log;
  if (speaks) {
    if (!a.log.empty()) log.emplace(a.log);
    callbacks.progress = [&](const TrainProgress& p) {
      shown.Show(p);
      if (log) log->Add(p);
    };
    callbacks.alarm = [](const std::string& text) { Log("alarm: {}", text); };
  }
  try {
    GroupLink link(transport, 1, members);
    const TrainOptions& options = a.options.train;
    const auto group = MakeCollectives(link, options, a.deadline_s);
    const TrainReport report = a.IsSft() ? TrainPolicy(OrderOf(a), options, {}, *group, callbacks)
                                         : TrainPpm(OrderOf(a), a.options, *group, callbacks);
    if (!speaks) return static_cast<int>(ExitCode::kDone);
    fs::remove_all(a.Work());
    PrintReport(a, report, transport.size(), shown.Rate());
    return static_cast<int>(ExitCode::kDone);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kStopped) throw;
    // The stop was agreed on: one rank tells it, and all leave together.
    if (!speaks) return static_cast<int>(ExitCode::kDone);
    Log("{}: run the same command again to continue", error.what());
    return static_cast<int>(ExitCode::kStopped);
  }
}

template <class E>
void AddChoice(CLI::App& command, const char* flag, E& value, const std::string& help,
               std::map<std::string, E> names) {
  const std::vector<std::pair<std::string, E>> choices(names.begin(), names.end());
  command.add_option(flag, value, help)
      ->transform(CLI::CheckedTransformer(choices).description(""));
}

// How JSON lines become rows.
void AddRowFlags(CLI::App& command, JsonRowOptions& rows) {
  command.add_option("--template", rows.prompt,
                     "text around the prompt of each JSON line, which stands for {prompt} in it");
  command.add_flag("--mask-output", rows.loss.mask_output,
                   "sft: no loss on what stands between <output> and <end_of_output>");
  command.add_flag("--no-eos{false}", rows.loss.eos, "sft: do not add the end-of-text token");
}

// What is minimised, and how a pass over rows is computed.
void AddLossFlags(CLI::App& command, TrainArguments& arguments) {
  PpmTrainOptions& ppm = arguments.options;
  command.add_option("--objective", ppm.objective, "ppm: what is learned from pairs")
      ->transform(CLI::CheckedTransformer(std::vector<std::pair<std::string, PpmObjective>>{
                                              {"bradley_terry", PpmObjective::kBradleyTerry},
                                              {"pqm", PpmObjective::kPqm},
                                              {"orm", PpmObjective::kOrm}})
                      .description("bradley_terry, pqm or orm"));
  command.add_flag(
      "--sum",
      [&ppm](std::int64_t count) {
        if (count > 0) ppm.normalisation = PpmNormalisation::kSum;
      },
      "ppm: sum the loss over the pairs of a step instead of its mean");
  command
      .add_option("--pack-tokens", ppm.train.pack_tokens,
                  "most tokens computed in one pass; 0: as --max-tokens")
      ->check(CLI::NonNegativeNumber);
  command.add_flag("--recompute", ppm.train.recompute,
                   "compute activations again in the backward pass: less memory");
}

void AddOptimizerFlags(CLI::App& command, TrainArguments& arguments) {
  TrainOptions& train = arguments.options.train;
  OptimizerOptions& optimizer = train.optimizer;
  command.add_option("--steps", train.steps, "optimiser steps; 0: from --epochs")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--epochs", train.epochs, "passes over the data")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--batch", train.batch, "sequences or pairs per step")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--micro-batches", train.micro_batches,
                  "parts of a batch, computed one after another")
      ->check(CLI::PositiveNumber);
  command.add_option("--max-tokens", train.max_tokens, "longer rows are dropped")
      ->check(CLI::PositiveNumber);
  command
      .add_option("--checkpoint-steps", train.checkpoint_steps,
                  "steps between step checkpoints; 0: none")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--lr", optimizer.lr, "peak learning rate")->check(CLI::NonNegativeNumber);
  command.add_option("--beta2", optimizer.beta2, "decay of the second moment")
      ->check(CLI::Range(0.0, 0.999999));
  command.add_option("--weight-decay", optimizer.weight_decay, "on matrices only")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--clip", optimizer.clip, "largest gradient norm; 0: off")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--warmup-steps", optimizer.warmup_steps, "steps of warm-up")
      ->check(CLI::NonNegativeNumber);
  command.add_option("--final-lr", optimizer.final_lr, "share of lr that the decay ends at")
      ->check(CLI::Range(0.0, 1.0));
  AddChoice(command, "--decay", optimizer.decay, "shape of the learning rate",
            {{"constant", LrDecay::kConstant},
             {"linear", LrDecay::kLinear},
             {"cosine", LrDecay::kCosine}});
}

void AddRunFlags(CLI::App& command, TrainArguments& arguments) {
  TrainOptions& train = arguments.options.train;
  AddChoice(command, "--precision", train.precision, "type of the parameters while training",
            {{"fp32", Precision::kFp32}, {"bf16", Precision::kBf16}});
  AddChoice(command, "--device", train.device, "cpu, or one GPU per rank",
            {{"cpu", Device::kCpu}, {"gpu", Device::kGpu}});
  command.add_flag("--deterministic", train.deterministic,
                   "on GPUs: add gradients in one fixed order, as is always done in host memory");
  command
      .add_option("--max-skipped-steps", train.max_skipped_steps,
                  "steps in a row without a finite gradient before it is an error")
      ->check(CLI::NonNegativeNumber);
  command
      .add_option("--eval-steps", arguments.options.eval_steps,
                  "ppm: steps between measurements on --held-out; 0: only at the end")
      ->check(CLI::NonNegativeNumber);
  AddChoice(command, "--keep", arguments.options.keep, "ppm: weights to publish",
            {{"last", Keep::kLast}, {"best", Keep::kBest}});
  command
      .add_option("--deadline", arguments.deadline_s,
                  "seconds after which a silent rank counts as lost (exit 76)")
      ->check(CLI::PositiveNumber);
}

}  // namespace

void AddTrainCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "train", "Fine-tunes a policy or trains a preference model on rows, alone or under mpirun");
  const auto arguments = std::make_shared<TrainArguments>();
  command->add_option("--model", arguments->model, "Hugging Face folder to start from")->required();
  command
      ->add_option("--data", arguments->data,
                   "row files: .h5, or .jsonl with prompt and response (ppm: prompt, chosen, "
                   "rejected)")
      ->required();
  command->add_option("--output", arguments->output, "folder of the trained model")->required();
  command->add_option("--kind", arguments->kind, "sft: policy; ppm: preference model")
      ->check(CLI::IsMember({"sft", "ppm"}));
  AddRowFlags(*command, arguments->rows);
  command->add_option("--held-out", arguments->held_out, "ppm: pairs that only measure accuracy");
  command->add_option("--seed", arguments->seed, "seed of the batch order and the value head");
  command->add_option("--progress-steps", arguments->progress_steps, "steps between progress lines")
      ->check(CLI::PositiveNumber);
  command->add_flag("--raw-scores{false}", arguments->options.tanh_in_loss,
                    "ppm: no tanh in the loss");
  command->add_option("--log", arguments->log,
                      "folder for every step's figures: steps.jsonl and TensorBoard events");
  command->add_flag("--json", arguments->json, "print the report as JSON");
  AddLossFlags(*command, *arguments);
  AddOptimizerFlags(*command, *arguments);
  AddRunFlags(*command, *arguments);
  command->callback([arguments, &exit_code] {
    exit_code =
        LaunchPeers([&] { Prepare(*arguments); },
                    [&](Transport& transport) { return TrainAsMember(*arguments, transport); },
                    arguments->deadline_s);
  });
}

}  // namespace gradus
