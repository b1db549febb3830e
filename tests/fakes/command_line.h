#pragma once
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "orchestrator/commands/commands.h"
#include "schemas/base/file.h"
#include "tests/fakes/hand_made_run.h"

namespace gradus {

inline fs::path Scratch(const char* name) {
  return fs::temp_directory_path() / fmt::format("gradus-{}-{}", name, ::getpid());
}

// Runs one command line in this process and returns what it printed on stdout.
inline std::string OutputOf(const std::string& line) {
  CLI::App app{"gradus"};
  int exit_code = 0;
  AddStatusCommand(app, exit_code);
  AddInspectCommand(app, exit_code);
  AddExplainCommand(app, exit_code);
  const fs::path file = Scratch("stdout");
  std::fflush(stdout);
  const Fd terminal(::dup(STDOUT_FILENO));
  const Fd capture(::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600));
  ::dup2(capture.get(), STDOUT_FILENO);
  std::exception_ptr failure;
  try {
    app.parse(line, false);
  } catch (...) {
    failure = std::current_exception();
  }
  std::fflush(stdout);
  ::dup2(terminal.get(), STDOUT_FILENO);
  const std::string text = ReadFile(file);
  fs::remove(file);
  if (failure) std::rethrow_exception(failure);
  CHECK(exit_code == 0);
  return text;
}

inline std::vector<nlohmann::json> Lines(const std::string& text) {
  std::vector<nlohmann::json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// A run directory that commands may read.
struct TemporaryRun {
  TemporaryRun() : run(Scratch("commands"), 2), path(run.files().root.string()) {}
  ~TemporaryRun() { fs::remove_all(path); }
  HandMadeRun run;
  std::string path;
};

}  // namespace gradus
