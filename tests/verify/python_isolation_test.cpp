// What a program must not do to its neighbours, its interpreter or its parent.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

#include "schemas/base/file.h"
#include "tests/verify/executor_bench.h"

using namespace gradus;

namespace {

// Processes with `mark` in their command line.
int ProcessesWithCommand(const std::string& mark) {
  int count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    std::stringstream text;
    text << file.rdbuf();
    if (text.str().find(mark) != std::string::npos) ++count;
  }
  return count;
}

// Children of this process that are still there: the interpreters, and nothing else.
std::vector<int> Children() {
  std::vector<int> children;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "children");
    for (int pid; file >> pid;) children.push_back(pid);
  }
  return children;
}

}  // namespace

TEST_CASE("A result frame without the nonce is not accepted") {
  Bench bench;
  const std::string forge =
      "import os\nframe = bytes(16) + bytes([0, 0]) + (-1).to_bytes(4, 'little', signed=True) + "
      "bytes(8)\n"
      "for fd in range(3, 64):\n  try: os.write(fd, frame)\n  except OSError: pass\n";
  CHECK(bench.Run(forge).outcome == Outcome::kProtocolViolation);
  CHECK(bench.Run(forge + "os._exit(0)").outcome == Outcome::kProtocolViolation);
  CHECK(bench.Run("print('fine')").output == "fine\n");
}

TEST_CASE("Programs leave nothing for the next one") {
  Bench bench;
  CHECK(bench.Run("import math\nmath.pi = 3\nx = 1").outcome == Outcome::kOk);
  const auto next = bench.Run("import math\nprint(math.pi > 3.1, 'x' in globals())");
  CHECK(next.output == "True False\n");
}

TEST_CASE("Processes that a program starts do not survive it") {
  Bench bench;
  const auto before = Children();
  const std::string mark = "import time; time.sleep(77.125)";
  const std::string spawn =
      "import subprocess, sys\nfor new in (False, True):\n"
      "  subprocess.Popen(['/usr/bin/python3', '-c', '" +
      mark +
      "'], start_new_session=new)\n"
      "print('started')";
  const auto result = bench.Run(spawn);
  CHECK(result.outcome == Outcome::kOk);
  CHECK(result.output == "started\n");
  CHECK(ProcessesWithCommand(mark) == 0);
  // Orphans by double fork, some in sessions of their own.
  const auto forks = bench.Run(
      "import os, time\nfor i in range(40):\n  if os.fork() == 0:\n    if i % 2: os.setsid()\n"
      "    if os.fork() == 0: time.sleep(100)\n    os._exit(0)\nprint('done')");
  CHECK(forks.outcome == Outcome::kOk);
  CHECK(forks.output == "done\n");
  CHECK(Children() == before);
}

TEST_CASE("A bounded storm of forks ends with its program") {
  Bench bench;
  const auto result =
      bench.Run("import os, time\nfor i in range(6): os.fork()\ntime.sleep(100)", Limits(0.5));
  CHECK(result.outcome == Outcome::kWallTimeout);
  CHECK(bench.Run("print('pong')").output == "pong\n");
}

TEST_CASE("A program that kills its interpreter is tried twice and then given up, alone") {
  Bench bench;
  const auto killer = bench.Run("import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(100)");
  CHECK(killer.outcome == Outcome::kSandboxError);
  CHECK(bench.Run("print('pong')").output == "pong\n");
  const auto stopper =
      bench.Run("import os, time\nos.kill(os.getppid(), 19)\ntime.sleep(100)", Limits(0.3));
  CHECK(stopper.outcome == Outcome::kWallTimeout);
  CHECK(bench.Run("print('pong')").output == "pong\n");
}

TEST_CASE("A program whose interpreter is killed from outside runs again") {
  Bench bench;
  const auto interpreters = Children();
  REQUIRE(interpreters.size() == 1);
  // The first run announces itself on a pipe, at which the interpreter is killed.
  int fds[2];
  REQUIRE(::pipe(fds) == 0);
  const std::string path = fmt::format("/proc/{}/fd/{}", ::getpid(), fds[1]);
  int runs = 0;
  std::thread killer([&] {
    char byte;
    while (::read(fds[0], &byte, 1) == 1 && byte == 'r') {
      if (++runs == 1) ::kill(interpreters[0], SIGKILL);
    }
  });
  const auto result =
      bench.Run("import os, time\nfd = os.open('" + path +
                "', os.O_WRONLY)\nos.write(fd, b'r')\ntime.sleep(0.5)\nprint('ran')");
  REQUIRE(::write(fds[1], "q", 1) == 1);
  killer.join();
  ::close(fds[0]);
  ::close(fds[1]);
  CHECK(result.outcome == Outcome::kOk);
  CHECK(result.output == "ran\n");
  CHECK(runs == 2);
}

TEST_CASE("A program sees neither the environment nor the files of its parent") {
  ::setenv("GRADUS_CANARY", "canary-value", 1);
  const Fd open_file(::open("/dev/null", O_RDONLY));  // Inheritable on purpose.
  Bench bench;
  const auto result = bench.Run(
      "import os\nprint('GRADUS_CANARY' in os.environ, sorted(os.listdir('/proc/self/fd')))");
  ::unsetenv("GRADUS_CANARY");
  // 0 to 2, the result pipe, and the folder that is being listed.
  CHECK(result.output.starts_with("False ['0', '1', '2', "));
  CHECK(std::count(result.output.begin(), result.output.end(), ',') == 4);
}

TEST_CASE("Ending the executor ends running programs and all interpreters") {
  {
    Bench bench(2);
    for (int i = 0; i < 4; ++i) {
      bench.executor->Run({{"import time\ntime.sleep(88.25)"}, {}}, Limits(100),
                          [](const ExecResult&) { FAIL("answered after its executor's end"); });
    }
    bench.io.poll();
  }
  CHECK(Children().empty());
}
