// What a program must not do to its neighbours, its interpreter or its parent; and that a step
// gives what the whole program gives.
#include "verify/python/python_slot.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "schemas/base/file.h"
#include "tests/verify/python/executor_bench.h"
#include "verify/sandbox/job_user.h"

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

void CheckSame(const ExecResult& step, const ExecResult& whole) {
  CHECK(std::string(ToString(step.outcome)) == ToString(whole.outcome));
  CHECK(step.output == whole.output);
  CHECK(step.value == whole.value);
  CHECK(step.error == whole.error);
  CHECK(step.error_step == whole.error_step);
}

}  // namespace

TEST_CASE("Programs leave nothing for the next one") {
  Bench bench;
  CHECK(bench.Run("import math\nmath.pi = 3\nx = 1").outcome == Outcome::kOk);
  const auto next = bench.Run("import math\nprint(math.pi > 3.1, 'x' in globals())");
  CHECK(next.output == "True False\n");
}

TEST_CASE("Processes that a program starts do not survive it, even without isolation") {
  Bench bench(1, {}, "L0");
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

TEST_CASE("A bounded storm of forks ends with its program, even without isolation") {
  Bench bench(1, {}, "L0");
  const auto result =
      bench.Run("import os, time\nfor i in range(6): os.fork()\ntime.sleep(100)", Limits(0.5));
  CHECK(result.outcome == Outcome::kWallTimeout);
  CHECK(bench.Run("print('pong')").output == "pong\n");
}

TEST_CASE("A program that kills its interpreter is tried twice and then given up, alone") {
  Bench bench(1, {}, "L0");
  const std::string parent =
      "import os, time\nparent = int(open('/proc/self/stat').read().split()[3])\n";
  const auto killer = bench.Run(parent + "os.kill(parent, 9)\ntime.sleep(100)");
  CHECK(killer.outcome == Outcome::kSandboxError);
  CHECK(bench.Run("print('pong')").output == "pong\n");
  const auto stopper = bench.Run(parent + "os.kill(parent, 19)\ntime.sleep(100)", Limits(0.3));
  CHECK(stopper.outcome == Outcome::kWallTimeout);
  CHECK(bench.Run("print('pong')").output == "pong\n");
}

TEST_CASE("A program whose interpreter is killed from outside runs again") {
  Bench bench(1, {}, "L0");
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

TEST_CASE("Ending the executor ends running programs and all interpreters") {
  {
    Bench bench(2);
    for (int i = 0; i < 4; ++i) {
      bench.executor->Check({{"import time\ntime.sleep(88.25)"}, {}}, Limits(100),
                            [](const ExecResult&) { FAIL("answered after its executor's end"); });
    }
    bench.io.poll();
  }
  CHECK(Children().empty());
}

TEST_CASE("A step is the whole program's result, whether it is calculated or not") {
  Bench bench(1, {"random"}, "auto", true);
  const std::vector<std::vector<std::string>> programs = {
      {"x = 1", "x += 1\nprint(x)", "x * 10"},
      {"def f(n):\n  return 1 // n", "print('a')", "f(0)"},
      {"import random\nrandom.seed(3)", "a = random.random()", "(a, random.random())"},
      {"import random", "random.random()", "random.random()"},
      {"x = 1", "if x:", "  print('in the next step')"},
      {"if 0: pass", "else: print('else of an earlier step')"},
      {"x = (", "1)", "x"},
      {"print('never')", "x = = 1"},
      {"x = 1", "x = = 1"},
      {"1 / 0", "print('never')"},
      {"1 / 0", "x = = 1"},
      {"from __future__ import annotations", "def f(x: q): pass", "f.__annotations__"},
      {"x = 1", "from __future__ import annotations"},
      {"x = 1", "global x"},
      {"import io, sys\nsys.stdout = io.StringIO()", "print('hidden')", "sys.stdout.getvalue()"},
      {"f = open('/dev/null')", "f.fileno()"},
      {"import os", "os.open('/dev/null', 0)", "os.open('/dev/null', 0)"},
      {"import threading\nt = threading.Timer(0.1, print, ['late'])\nt.start()", "print('early')"},
      {"import signal\nsignal.signal(signal.SIGALRM, lambda *a: print('ring'))\n"
       "signal.setitimer(signal.ITIMER_REAL, 0.1)",
       "import time\ntime.sleep(0.3)"},
      {"import signal\nsignal.signal(signal.SIGTERM, lambda *a: print('term'))",
       "signal.raise_signal(15)", "print('on')"},
      {"import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])",
       "sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))"},
      {"import signal\nsignal.signal(signal.SIGCHLD, lambda *a: print('child'))",
       "signal.raise_signal(signal.SIGCHLD)"},
      {"print('x' * 40000)", "print('y' * 40000)"},
      {"class A:\n  def __del__(self): print('gone')", "a = A()", "del a\nprint('end')"},
      {"raise SystemExit(0)", "print('never')"},
      {"import sys", "sys.exit('why')"},
      {"", "", "1"},
      {"x = {1, 2}", "import os\ntry:\n  os.fork()\nexcept OSError as e: print(e.errno)", "len(x)"},
      {"import sys\nsys.setrecursionlimit(5000)", "def f(n): return n and f(n - 1)", "f(4000)"},
      {"'''doc'''", "__doc__"},
      {"import os, sys\nsys.stdout.write('12')\nos.close(1)", "pass"},
      {"import os\nos.dup2(1, 2)\nos.write(2, b'err')", "os.write(2, b'more')"},
      {"print(1, end='')", "print(2, end='')", "print(3)"},
      {"import os\nos.write(1, b'raw ')", "print('text')"},
      {"a = bytearray(10**8)", "len(a)"},
      {"a = 1", "b = bytearray(10**11)"},
  };
  for (const auto& steps : programs) {
    CAPTURE(steps[0]);
    const ExecResult whole = bench.RunSteps(steps);
    CheckSame(bench.Step(steps), whole);
  }
}

TEST_CASE("A whole tree of steps gives the same in any order") {
  Bench bench(2);
  std::vector<Program> programs;
  for (int a = 0; a < 3; ++a) {
    for (int b = 0; b < 3; ++b) {
      for (int c = 0; c < 3; ++c) {
        programs.push_back({{"x = " + std::to_string(a), "x = x * 3 + " + std::to_string(b),
                             "print(x * 3 + " + std::to_string(c) + ")"},
                            {}});
      }
    }
  }
  std::reverse(programs.begin() + 5, programs.end() - 5);
  std::vector<ExecResult> results(programs.size());
  for (std::size_t i = 0; i < programs.size(); ++i) {
    bench.executor->Step(programs[i], Limits(10),
                         [&, i](ExecResult r) { results[i] = std::move(r); });
  }
  bench.io.run();
  const auto wholes = bench.RunAll(programs, Limits(10));
  for (std::size_t i = 0; i < programs.size(); ++i) CheckSame(results[i], wholes[i]);
}

TEST_CASE("A step that never ends is ended, and the next one runs") {
  Bench bench;
  const auto endless = bench.Step({"x = 1\nprint('p')", "print('on')\nimport time\ntime.sleep(60)"},
                                  {}, Limits(0.5));
  CHECK(endless.outcome == Outcome::kWallTimeout);
  CHECK(endless.output == "p\non\n");
  CHECK(endless.wall_s < 1.0);
  const auto flood = bench.Step({"x = 1", "while True: print('flood')"});
  CHECK(flood.outcome == Outcome::kOutputLimit);
  CHECK(flood.output.size() == 64 << 10);
  CHECK(bench.Step({"x = 1", "x + 1"}).value == "2");
}

TEST_CASE("What a program writes to any descriptor is its output or nothing") {
  Bench bench;
  const auto result = bench.Run(
      "import os\nfor fd in range(3, 64):\n  try: os.write(fd, b'X' * 300); print(fd)\n"
      "  except OSError: pass");
  CHECK(result.outcome == Outcome::kOk);
  CHECK(result.output == "");
}

TEST_CASE("Two slots, and two executors, have users of their own" *
          doctest::test_suite("needs namespaces")) {
  if (::geteuid() != 0) {
    MESSAGE("skipped: only root gives processes to other users");
    return;
  }
  std::set<std::uint32_t> users;
  std::vector<JobUser> claimed(20);
  for (const JobUser& user : claimed) {
    CHECK(user.uid() != 0);
    users.insert(user.uid());
  }
  CHECK(users.size() == 20);
  const std::uint32_t freed = claimed.back().uid();
  claimed.pop_back();
  CHECK(JobUser().uid() == freed);
}

TEST_CASE("A program that starts all threads it may takes none from another run's" *
          doctest::test_suite("needs namespaces")) {
  if (::geteuid() != 0) {
    MESSAGE("skipped: programs of one user share its limit of threads");
    return;
  }
  Bench hostile(1, {}, "L1"), other(1, {}, "L1");
  std::string report;
  hostile.executor->Check(
      {{"import threading, time\nn = 0\ntry:\n  while n < 2000:\n"
        "    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "    n += 1\nexcept RuntimeError: pass\nprint(n)\ntime.sleep(60)"},
       {}},
      {2.5, 8, 1 << 20, 64}, [&](ExecResult result) { report = result.output; });
  int ended = 0;
  const std::string threads =
      "import threading\nfound = []\nt = [threading.Thread(target=found.append, args=(i,)) for i "
      "in "
      "range(20)]\n[x.start() for x in t]; [x.join() for x in t]\nprint(sorted(found) == "
      "list(range(20)))";
  // Both loops turn until the hostile one has been ended.
  while (report.empty()) {
    hostile.io.restart();
    hostile.io.poll();
    CHECK(other.Run(threads).output == "True\n");
    ++ended;
  }
  CHECK(std::stoi(report) > 300);
  CHECK(ended > 3);
}

TEST_CASE("Allowed steps hold for steps too") {
  Bench bench;
  const std::vector<std::string> allowed = {"x = 1", "y = x * 3", "print(y)"};
  CHECK(bench.Step({"x = 1", "y = x*3", "print(y)"}, allowed).output == "3\n");
  const auto refused = bench.Step({"x = 1", "y = x*3", "print(x)"}, allowed);
  CHECK(refused.error == "NotAllowed: statement is not one of the allowed steps");
  CHECK(refused.error_step == 2);
}
