#include "orchestrator/commands/train_arguments.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "schemas/base/error.h"
#include "workers/environments/python_steps.h"

namespace gradus {
namespace {

bool HasPpmFlags(const TrainArguments& a) {
  const PpmTrainOptions& given = a.options;
  const PpmTrainOptions usual;
  return !a.held_out.empty() || given.normalisation != usual.normalisation ||
         given.tanh_in_loss != usual.tanh_in_loss || given.eval_steps != usual.eval_steps ||
         given.keep != usual.keep;
}

template <class E>
void AddChoice(CLI::App& command, const std::string& flag, E& value, const std::string& help,
               const std::vector<std::pair<std::string, E>>& choices) {
  std::vector<std::string> names;
  std::string usual;
  for (const auto& [name, meaning] : choices) {
    names.push_back(name);
    if (meaning == value) usual = name;
  }
  const auto choose = [choices, &value](const std::string& chosen) {
    for (const auto& [name, meaning] : choices) {
      if (name == chosen) value = meaning;
    }
  };
  command.add_option_function<std::string>(flag, choose, help)
      ->check(CLI::IsMember(names))
      ->default_str(usual);
}

std::string Listed(TrainingRows rows) {
  return fmt::format("{}", fmt::join(ObjectivesOn(rows), ", "));
}

// How JSON lines become rows.
void AddRowFlags(CLI::App& command, JsonRowOptions& rows) {
  command.add_option("--template", rows.prompt,
                     "text around the prompt of each JSON line, which stands for {prompt} in it");
  command.add_flag_callback(
      "--mask-output",
      [&rows] { rows.loss.unlearnt = std::pair(marker::kOutput, marker::kEndOfOutput); },
      "sft: no loss on what stands between <output> and <end_of_output>");
  command.add_flag_callback(
      "--no-eos", [&rows] { rows.loss.eos = false; }, "sft: do not add the end-of-text token");
}

// What is minimised, and how a pass over rows is computed.
void AddLossFlags(CLI::App& command, TrainArguments& arguments) {
  PpmTrainOptions& ppm = arguments.options;
  command.add_option("--objective", arguments.objective,
                     fmt::format("what is minimised; sft: {}; ppm: {}",
                                 Listed(TrainingRows::kSupervised), Listed(TrainingRows::kPairs)));
  command.add_flag_callback(
      "--raw-scores", [&ppm] { ppm.tanh_in_loss = false; }, "ppm: no tanh in the loss");
  command.add_flag_callback(
      "--sum", [&ppm] { ppm.normalisation = PpmNormalisation::kSum; },
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

PpmTrainOptions TrainArguments::Options() const {
  PpmTrainOptions chosen = options;
  if (IsSft()) chosen.train.objective = TrainOptions().objective;
  if (!objective.empty()) chosen.train.objective = objective;
  return chosen;
}

bool IsJsonLines(const fs::path& data) { return data.extension() == ".jsonl"; }

void AddTrainFlags(CLI::App& command, TrainArguments& arguments) {
  command.add_option("--model", arguments.model, "Hugging Face folder to start from")->required();
  command
      .add_option("--data", arguments.data,
                  "row files: .h5, or .jsonl with prompt and response (ppm: prompt, chosen, "
                  "rejected)")
      ->required();
  command.add_option("--output", arguments.output, "folder of the trained model")->required();
  command.option_defaults()->always_capture_default();
  command.add_option("--kind", arguments.kind, "sft: policy; ppm: preference model")
      ->check(CLI::IsMember({"sft", "ppm"}));
  AddRowFlags(command, arguments.rows);
  command.add_option("--held-out", arguments.held_out, "ppm: pairs that only measure accuracy");
  command.add_option("--seed", arguments.seed, "seed of the batch order and the value head");
  command.add_option("--progress-steps", arguments.progress_steps, "steps between progress lines")
      ->check(CLI::PositiveNumber);
  command.add_option("--log", arguments.log,
                     "folder for every step's figures: steps.jsonl and TensorBoard events");
  command.add_flag("--json", arguments.json, "print the report as JSON");
  AddLossFlags(command, arguments);
  AddOptimizerFlags(command, arguments);
  AddRunFlags(command, arguments);
}

void CheckFlags(const TrainArguments& a) {
  if (a.IsSft() && HasPpmFlags(a))
    Fail("--held-out, --sum, --raw-scores, --eval-steps and --keep are for --kind ppm");
  const auto rows = a.IsSft() ? TrainingRows::kSupervised : TrainingRows::kPairs;
  const std::vector<std::string> objectives = ObjectivesOn(rows);
  if (std::find(objectives.begin(), objectives.end(), a.Options().train.objective) ==
      objectives.end())
    Fail("--objective {}: --kind {} knows {}", a.objective, a.kind, Listed(rows));
  if (!a.IsSft()) CheckOptions(a.options);
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

}  // namespace gradus
