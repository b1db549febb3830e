#include <fmt/format.h>
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "orchestrator/commands/commands.h"
#include "orchestrator/health/health.h"
#include "schemas/base/error.h"

namespace gradus {
namespace {

using nlohmann::ordered_json;

const char* ThreadLevel(int level) {
  if (level == MPI_THREAD_MULTIPLE) return "multiple";
  if (level == MPI_THREAD_SERIALIZED) return "serialized";
  return level == MPI_THREAD_FUNNELED ? "funneled" : "single";
}

std::string LibraryVersion() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int length = 0;
  MPI_Get_library_version(text, &length);
  const std::string line(text, static_cast<std::size_t>(std::max(length, 0)));
  return line.substr(0, line.find_first_of(",\n"));
}

// Starts and ends MPI, alone or as a rank of a launched job.
std::vector<Finding> CheckMpi() {
  int level = MPI_THREAD_SINGLE, size = 1;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Finalize();
  Finding finding{"mpi", Health::kOk,
                  fmt::format("{}, threads {}, {} rank{}", LibraryVersion(), ThreadLevel(level),
                              size, size == 1 ? "" : "s"),
                  ""};
  if (level < MPI_THREAD_FUNNELED) {
    finding.health = Health::kMissing;
    finding.advice =
        "gradus moves messages beside its work: use an MPI library with thread support";
  }
  return {finding};
}

std::string Text(const Finding& finding) {
  std::string line =
      fmt::format("{:<8} {:<12} {}\n", ToString(finding.health), finding.name, finding.found);
  if (!finding.advice.empty()) line += fmt::format("{:<22}→ {}\n", "", finding.advice);
  return line;
}

ordered_json ToJson(const Finding& finding) {
  ordered_json json = {
      {"name", finding.name}, {"health", ToString(finding.health)}, {"found", finding.found}};
  if (!finding.advice.empty()) json["advice"] = finding.advice;
  return json;
}

// Shows findings as they come in, since some checks take seconds.
class Report {
 public:
  explicit Report(bool json) : json_(json) {}
  void Add(const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) {
      healthy_ = healthy_ && finding.health != Health::kMissing;
      if (json_) {
        findings_.push_back(ToJson(finding));
      } else {
        Print(Text(finding));
      }
    }
  }
  void End() const {
    if (json_)
      return Print(ordered_json{{"healthy", healthy_}, {"findings", findings_}}.dump() + "\n");
    Print(healthy_ ? "\nEverything a run needs is there.\n"
                   : "\nSomething a run needs is missing.\n");
  }
  bool healthy() const { return healthy_; }

 private:
  static void Print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  }
  bool json_, healthy_ = true;
  ordered_json findings_ = ordered_json::array();
};

bool Examine(const std::string& folder, bool json) {
  Report report(json);
  report.Add({{"gradus", Health::kOk, GRADUS_VERSION, ""}});
  report.Add(CheckMachine());
  report.Add(CheckGpus());
  report.Add(CheckLauncher());
  report.Add(CheckHdf5());
  report.Add(CheckFolder(folder));
  report.Add(CheckPython());
  // Last: a launcher that is set up wrongly may end the process in here.
  report.Add(CheckMpi());
  report.End();
  return report.healthy();
}

}  // namespace

void AddDoctorCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "doctor", "What this machine offers a run, and what to do about each shortfall");
  auto folder = std::make_shared<std::string>(".");
  auto json = std::make_shared<bool>(false);
  command->add_option("--folder", *folder, "Where runs will be written")->capture_default_str();
  command->add_flag("--json", *json, "One JSON object");
  command->callback([folder, json, &exit_code] {
    exit_code = Examine(*folder, *json) ? 0 : static_cast<int>(ExitCode::kBadInput);
  });
}

}  // namespace gradus
