#include "verify/command/checker_program.h"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

bool IsFile(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

fs::path Absolute(const std::string& path) { return fs::absolute(path).lexically_normal(); }

fs::path FindExecutable(const std::string& name) {
  if (name.find('/') != std::string::npos) {
    if (IsFile(name) && ::access(name.c_str(), X_OK) == 0) return Absolute(name);
    Fail("checker.command: {} is not a program that can be executed", Absolute(name).string());
  }
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string("/usr/bin:") + (path ? path : ""));
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path file = fs::path(folder) / name;
    if (!folder.empty() && IsFile(file) && ::access(file.c_str(), X_OK) == 0) return file;
  }
  Fail("checker.command: no program '{}' in /usr/bin or on PATH; name it by its path", name);
}

}  // namespace

CheckerProgram FindChecker(const std::vector<std::string>& command,
                           const std::vector<std::string>& reads) {
  if (command.empty()) Fail("checker.command is empty: name the program and its arguments");
  CheckerProgram program;
  std::string hashes;
  for (const std::string& word : command) {
    const bool first = program.words.empty();
    if (!first && !IsFile(word)) {
      program.words.push_back(word);
      continue;
    }
    const fs::path file = first ? FindExecutable(word) : Absolute(word);
    if (file.parent_path() == "/tmp") {  // Covered by the new root while it is being built.
      Fail("checker.command: {} cannot be seen inside of /tmp; give it a folder of its own",
           file.string());
    }
    program.words.push_back(file.string());
    program.reads.push_back(file.parent_path().string());
    hashes += fmt::format("; {} sha256 {}", file.filename().string(), Sha256File(file));
  }
  for (const std::string& path : reads) {
    if (!fs::exists(path)) Fail("checker.reads: {} is not there", Absolute(path).string());
    program.reads.push_back(Absolute(path).string());
  }
  program.identity = fmt::format("checker {}{}", fmt::join(command, " "), hashes);
  return program;
}

}  // namespace gradus
