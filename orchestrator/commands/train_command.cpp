#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/json_line.h"
#include "schemas/training_row.h"
#include "trainer/train.h"
#include "workers/policy/hf_folder.h"
#include "workers/policy/tokenizer/tokenizer.h"

namespace gradus {
namespace {

struct TrainArguments {
  std::string model, data, held_out, output, kind = "sft", decay = "linear";
  PpmTrainOptions options;
  std::uint64_t seed = 0;
  int progress_steps = 20;
  bool json = false;
};

std::vector<TokenId> WithEos(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> tokens = tokenizer.Encode(text);
  if (!tokenizer.EosIds().empty()) tokens.push_back(tokenizer.EosIds()[0]);
  return tokens;
}

// Loss on the response and the end-of-sequence token.
SftRow ParseSft(const JsonLine& line, const Tokenizer& tokenizer) {
  SftRow row;
  row.tokens = tokenizer.EncodeWithSpecials(line.Text("prompt"));
  row.mask.assign(row.tokens.size(), 0);
  const std::vector<TokenId> response = WithEos(tokenizer, line.Text("response"));
  row.tokens.insert(row.tokens.end(), response.begin(), response.end());
  row.mask.resize(row.tokens.size(), 1);
  return row;
}

// 0 when the key is absent.
double OptionalNumber(const JsonLine& line, const std::string& key, const std::string& where) {
  const std::string text = line.OptionalTextOrNumber(key);
  if (text.empty()) return 0;
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size())
    Fail("{}: \"{}\" must be a number", where, key);
  return value;
}

// Scored after the last token of each side; q_chosen and q_rejected are what pqm learns, and
// final_step: 1 marks two whole solutions, which orm learns from.
PreferencePair ParsePair(const JsonLine& line, const Tokenizer& tokenizer,
                         const std::string& where) {
  PreferencePair pair;
  pair.q_chosen = OptionalNumber(line, "q_chosen", where);
  pair.q_rejected = OptionalNumber(line, "q_rejected", where);
  pair.final_step = OptionalNumber(line, "final_step", where) != 0;
  pair.prefix = tokenizer.EncodeWithSpecials(line.Text("prompt"));
  pair.chosen = tokenizer.Encode(line.Text("chosen"));
  pair.rejected = tokenizer.Encode(line.Text("rejected"));
  return pair;
}

// JSON lines become rows in a file of `folder`; an HDF5 file is used as it is.
fs::path AsRows(const fs::path& data, const std::string& kind, const Tokenizer& tokenizer,
                const fs::path& folder, const char* name) {
  if (data.extension() != ".jsonl") return data;
  const fs::path rows_file = folder / name;
  std::vector<SftRow> rows;
  std::vector<PreferencePair> pairs;
  ForEachJsonLine(data, [&](const JsonLine& line, const std::string& where) {
    if (kind == "sft") {
      rows.push_back(ParseSft(line, tokenizer));
      rows.back().origin.key.problem = std::uint32_t(rows.size() - 1);
    } else {
      pairs.push_back(ParsePair(line, tokenizer, where));
      pairs.back().chosen_origin.key.problem = pairs.back().rejected_origin.key.problem =
          std::uint32_t(pairs.size() - 1);
    }
  });
  kind == "sft" ? WriteSftRows(rows_file, rows) : WritePairs(rows_file, pairs);
  return rows_file;
}

TrainCallbacks ShowProgress(int every) {
  const double start = MonotonicSeconds();
  TrainCallbacks callbacks;
  callbacks.progress = [every, start](const TrainProgress& p) {
    if (p.step % every != 0 && p.step != p.steps && p.step != 1) return;
    Log("step {}/{}  loss {:.6f}  lr {:.2e}  |g| {:.3f}  {:.0f} tokens/s", p.step, p.steps, p.loss,
        p.lr, p.grad_norm,
        static_cast<double>(p.tokens) / std::max(MonotonicSeconds() - start, 1e-9));
  };
  return callbacks;
}

void PrintReport(const TrainArguments& arguments, const TrainReport& report) {
  nlohmann::ordered_json json = {{"output", arguments.output},
                                 {"digest", ModelDigest(arguments.output)},
                                 {"steps", report.steps},
                                 {"tokens", report.tokens},
                                 {"dropped_rows", report.dropped_rows},
                                 {"skipped_steps", report.skipped_steps},
                                 {"first_loss", report.first_loss},
                                 {"last_loss", report.last_loss}};
  if (report.held_out_pairs > 0) {
    json["held_out_pairs"] = report.held_out_pairs;
    json["pair_accuracy"] = report.pair_accuracy;
  }
  if (arguments.json) {
    std::printf("%s\n", json.dump().c_str());
  } else {
    for (const auto& [key, value] : json.items())
      std::printf("%-14s %s\n", key.c_str(), value.dump().c_str());
  }
}

void Train(TrainArguments arguments) {
  const fs::path work = arguments.output + ".training";
  MakeFolder(work);
  CheckModelFolder(arguments.model);
  const Tokenizer tokenizer = Tokenizer::Load(arguments.model);
  TrainOrder order;
  order.model = arguments.model;
  order.output = arguments.output;
  order.checkpoints = work / "steps";
  order.data = {AsRows(arguments.data, arguments.kind, tokenizer, work, "rows.h5")};
  if (!arguments.held_out.empty()) {
    order.held_out = AsRows(arguments.held_out, arguments.kind, tokenizer, work, "held_out.h5");
  }
  order.seed = arguments.seed;
  arguments.options.train.optimizer.decay = arguments.decay == "linear"   ? LrDecay::kLinear
                                            : arguments.decay == "cosine" ? LrDecay::kCosine
                                                                          : LrDecay::kConstant;
  const auto group = MakeSoloCollectives();
  const TrainCallbacks callbacks = ShowProgress(arguments.progress_steps);
  const TrainReport report =
      arguments.kind == "sft" ? TrainPolicy(order, arguments.options.train, {}, *group, callbacks)
                              : TrainPpm(order, arguments.options, *group, callbacks);
  fs::remove_all(work);
  PrintReport(arguments, report);
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
  command.add_option("--decay", arguments.decay, "shape of the learning rate")
      ->check(CLI::IsMember({"constant", "linear", "cosine"}));
}

}  // namespace

void AddTrainCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand(
      "train", "Fine-tunes a policy or trains a preference model on a file of rows");
  const auto arguments = std::make_shared<TrainArguments>();
  command->add_option("--model", arguments->model, "Hugging Face folder to start from")->required();
  command
      ->add_option("--data", arguments->data,
                   "rows: .h5, or .jsonl with prompt and response (ppm: prompt, chosen, rejected)")
      ->required();
  command->add_option("--output", arguments->output, "folder of the trained model")->required();
  command->add_option("--kind", arguments->kind, "sft: policy; ppm: preference model")
      ->check(CLI::IsMember({"sft", "ppm"}));
  command->add_option("--held-out", arguments->held_out, "ppm: pairs that only measure accuracy");
  command->add_option("--seed", arguments->seed, "seed of the batch order and the value head");
  command->add_option("--progress-steps", arguments->progress_steps, "steps between progress lines")
      ->check(CLI::PositiveNumber);
  command->add_flag("--raw-scores{false}", arguments->options.tanh_in_loss,
                    "ppm: no tanh in the loss");
  command->add_flag("--json", arguments->json, "print the report as JSON");
  AddLossFlags(*command, *arguments);
  AddOptimizerFlags(*command, *arguments);
  command->callback([arguments, &exit_code] {
    Train(*arguments);
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
