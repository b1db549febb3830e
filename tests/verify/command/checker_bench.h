#pragma once
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/temp_folder.h"
#include "verify/command/command_verifier.h"

namespace gradus {

// Children of this process.
inline std::set<int> Children() {
  std::set<int> children;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "children");
    for (int pid; file >> pid;) children.insert(pid);
  }
  return children;
}

// Processes with `mark` in their command line.
inline int ProcessesWithCommand(const std::string& mark) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    std::stringstream text;
    text << file.rdbuf();
    if (text.str().find(mark) != std::string::npos) ++count;
  }
  return count;
}

// Answers the empty state; for others runs `body`, which has `request` and `reply(end, **more)`.
inline std::string Checker(const std::string& body) {
  return "import json, os, sys\n"
         "def reply(end='fine', **more):\n"
         "    print(json.dumps({'id': request['id'], 'end': end, **more}), flush=True)\n"
         "for line in sys.stdin:\n"
         "    request = json.loads(line)\n"
         "    answer = request['answer']\n"
         "    if not answer and not request['steps']:\n"
         "        reply(judgement='unverifiable')\n"
         "        continue\n" +
         body;
}

// A checker in a folder of its own, and the loop that drives it.
class CheckerBench {
 public:
  explicit CheckerBench(const std::string& body, int processes = 1,
                        const std::string& level = "auto") {
    Write("checker.py", Checker(body));
    options.command = {"python3", (folder / "checker.py").string()};
    options.processes = processes;
    options.level = level;
    options.limits.wall_s = 5;
  }
  void Write(const std::string& name, const std::string& text) {
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    WriteBytes(folder / name, text);
    std::filesystem::permissions(folder / name, std::filesystem::perms(0755));
  }
  Verifier& Open() {
    if (!verifier) verifier = MakeCommandVerifier(io, options);
    return *verifier;
  }
  // All at once; each is answered exactly once.
  std::vector<Checked> CheckAll(const std::vector<std::string>& answers) {
    std::vector<Checked> results(answers.size());
    std::vector<int> calls(answers.size());
    const Goal goal = AnswerGoal{"7"};
    for (std::size_t i = 0; i < answers.size(); ++i) {
      State state;
      state.answer = answers[i];
      Open().Check(std::move(state), &goal, options.limits, [&, i](Checked checked) {
        results[i] = std::move(checked);
        ++calls[i];
      });
    }
    io.restart();
    io.run();
    for (int count : calls) REQUIRE(count == 1);
    return results;
  }
  Checked Check(const std::string& answer) { return CheckAll({answer})[0]; }

  TempFolder folder;
  asio::io_context io;
  CommandOptions options;
  std::unique_ptr<Verifier> verifier;
};

// Judges by equality.
constexpr const char* kHonest =
    "    right = answer == request['goal']['expected'] if request['goal'] else None\n"
    "    reply(judgement='correct' if right else 'wrong', shown='saw ' + answer)\n";

}  // namespace gradus
