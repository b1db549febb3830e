#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "orchestrator/bench_sandbox.h"
#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"

namespace gradus {

void AddBenchCommand(CLI::App& app, int& exit_code) {
  struct Arguments {
    ExecutorOptions execution;
    double scale = 1;
  };
  auto arguments = std::make_shared<Arguments>();
  auto* command = app.add_subcommand("bench", "Measures this machine; one JSON object on stdout");
  command->require_subcommand(1);
  auto* sandbox = command->add_subcommand(
      "sandbox", "Programs per second, isolated and not, and sibling steps against re-execution");
  sandbox->add_option("--slots", arguments->execution.slots, "Warm interpreters")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  sandbox->add_option("--level", arguments->execution.level, "Isolation level")
      ->check(CLI::IsMember({"auto", "L3", "L2", "L1", "L0"}))
      ->capture_default_str();
  sandbox->add_option("--scale", arguments->scale, "Times the usual number of programs")
      ->check(CLI::Range(0.01, 1000.0))
      ->capture_default_str();
  sandbox->callback([arguments, &exit_code] {
    std::printf("%s\n", BenchSandbox(arguments->execution, arguments->scale).dump(1).c_str());
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
