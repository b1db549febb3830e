#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "orchestrator/commands/commands.h"
#include "orchestrator/inspect/report.h"
#include "orchestrator/inspect/run_reader.h"

namespace gradus {

void AddReportCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("report", "One self-contained HTML page about a run");
  auto run_folder = std::make_shared<std::string>();
  auto output = std::make_shared<std::string>();
  command->add_option("RUN", *run_folder, "Run directory")->required();
  command->add_option("-o,--output", *output,
                      "File to write; default: report.html in the run directory");
  command->callback([run_folder, output, &exit_code] {
    const RunFiles files = ReadRun(*run_folder).files;
    const std::filesystem::path file =
        output->empty() ? files.Report() : std::filesystem::path(*output);
    WriteReport(files, file);
    std::printf("%s\n", file.c_str());
    exit_code = 0;
  });
}

}  // namespace gradus
