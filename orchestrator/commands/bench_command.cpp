#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "orchestrator/bench/rollout.h"
#include "orchestrator/bench/sandbox.h"
#include "orchestrator/bench/search.h"
#include "orchestrator/bench/train.h"
#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"

namespace gradus {

namespace {

void Print(const nlohmann::ordered_json& figures) { std::printf("%s\n", figures.dump(1).c_str()); }

void AddSandbox(CLI::App& bench, int& exit_code) {
  struct Arguments {
    ExecutorOptions execution;
    double scale = 1;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command = bench.add_subcommand(
      "sandbox", "Programs per second, isolated and not, and the steps of a search");
  command->add_option("--slots", arguments->execution.slots, "Warm interpreters")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--level", arguments->execution.level, "Isolation level")
      ->check(CLI::IsMember({"auto", "L3", "L2", "L1", "L0"}))
      ->capture_default_str();
  command->add_option("--scale", arguments->scale, "Times the usual number of programs")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
  command->callback([arguments, &exit_code] {
    Print(BenchSandbox(arguments->execution, arguments->scale));
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

void AddRollout(CLI::App& bench, int& exit_code) {
  auto options = std::make_shared<RolloutBenchOptions>();
  auto* command = bench.add_subcommand(
      "rollout", "Tokens per second of the engine: independent prompts, siblings, searches");
  const auto add = [&](const char* name, int& value, const char* text) {
    command->add_option(name, value, text)->check(CLI::Range(1, 100000))->capture_default_str();
  };
  command->add_option("--model", options->model, "Model folder (default: a random small model)")
      ->check(CLI::ExistingDirectory);
  command->add_option("--batches", options->batches, "Flat: prompts at once, e.g. 16,64")
      ->delimiter(',')
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  add("--prompt", options->prompt, "Flat: tokens of a prompt");
  add("--new", options->new_tokens, "Flat: tokens generated for each");
  add("--expansions", options->expansions, "Tree and search: nodes expanded at once");
  add("--siblings", options->siblings, "Tree and search: samples of each node");
  add("--prefix", options->prefix, "Tree and search: tokens that the siblings share");
  add("--step", options->step, "Tree and search: tokens of a step");
  add("--depth", options->depth, "Search: steps of a path");
  command->callback([options, &exit_code] {
    Print(BenchRollout(*options));
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

void AddSearch(CLI::App& bench, int& exit_code) {
  auto options = std::make_shared<SearchBenchOptions>();
  auto* command = bench.add_subcommand(
      "search", "Tree nodes per second with a policy that answers at once and real programs");
  const auto add = [&](const char* name, int& value, int most, const char* text) {
    command->add_option(name, value, text)->check(CLI::Range(1, most))->capture_default_str();
  };
  add("--problems", options->problems, 1000000, "Trees, all at once");
  add("--rollouts", options->rollouts, 100000, "Rollouts of each tree");
  add("--candidates", options->candidates, 1000, "Candidates of each expansion");
  add("--depth", options->depth, 1000, "Code steps of a path");
  add("--slots", options->execution.slots, 1024, "Warm interpreters");
  command->add_flag("!--no-python", options->python, "Leave the run with real programs out");
  command->add_flag("--engine", options->engine,
                    "Also with an engine that computes as many tokens as the script has");
  command
      ->add_option("--straggler-s", options->straggler_s,
                   "With --engine: beside it one program that takes so many seconds")
      ->check(CLI::Range(0.0, 3600.0));
  command->add_flag("!--no-calculator", options->execution.calculator,
                    "Give every program a process of its own");
  command->add_option("--level", options->execution.level, "Isolation level")
      ->check(CLI::IsMember({"auto", "L3", "L2", "L1", "L0"}))
      ->capture_default_str();
  command->callback([options, &exit_code] {
    Print(BenchSearch(*options));
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

void AddTrain(CLI::App& bench, int& exit_code) {
  auto options = std::make_shared<TrainBenchOptions>();
  auto* command = bench.add_subcommand(
      "train", "Tokens per second of training steps: supervised rows, and pairs of one prefix");
  const auto add = [&](const char* name, int& value, const char* text) {
    command->add_option(name, value, text)->check(CLI::Range(1, 1000000))->capture_default_str();
  };
  add("--steps", options->steps, "Measured steps");
  add("--rows", options->rows, "Rows, and pairs, of a step");
  add("--pack-tokens", options->pack_tokens, "Most tokens computed in one pass");
  add("--shortest", options->shortest, "Rows: fewest tokens");
  add("--longest", options->longest, "Rows: most tokens");
  add("--prompt", options->prompt, "Rows: tokens without loss");
  add("--prefix", options->prefix, "Pairs: tokens that both sides share");
  add("--side", options->side, "Pairs: tokens of a side");
  add("--hidden", options->hidden, "Model: width");
  add("--layers", options->layers, "Model: layers");
  add("--heads", options->heads, "Model: query heads");
  add("--kv-heads", options->kv_heads, "Model: key and value heads");
  add("--ffn", options->ffn, "Model: inner width of the gated unit");
  add("--vocabulary", options->vocabulary, "Model: tokens");
  command->add_flag("--recompute", options->recompute, "Recompute activations");
  command->add_option("--keep-inputs", options->inputs, "Folder to keep the model and the rows in");
  command->callback([options, &exit_code] {
    Print(BenchTrain(*options));
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace

void AddBenchCommand(CLI::App& app, int& exit_code) {
  auto* command = app.add_subcommand("bench", "Measures this machine; one JSON object on stdout");
  command->require_subcommand(1);
  AddSandbox(*command, exit_code);
  AddRollout(*command, exit_code);
  AddSearch(*command, exit_code);
  AddTrain(*command, exit_code);
}

}  // namespace gradus
