#include "verify/python/python_executor.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/verify/python/executor_bench.h"
#include "verify/sandbox/level.h"

using namespace gradus;

TEST_CASE("A program's prints are its output and its last expression is its value") {
  Bench bench;
  const auto result = bench.Run("x = 3\nprint('a', x)\nx * 2");
  CHECK(result.outcome == Outcome::kOk);
  CHECK(result.output == "a 3\n");
  CHECK(result.value == "6");
  CHECK(result.error == "");
  CHECK(result.error_step == -1);
  CHECK(result.level == LevelName(bench.level()));
  CHECK(result.cpu_s > 0);
  CHECK(result.wall_s > 0);
}

TEST_CASE("Only a final expression that is not None is a value") {
  Bench bench;
  const std::map<std::string, std::optional<std::string>> table = {
      {"1 + 1", "2"},
      {"x = 5", std::nullopt},
      {"x = 5\nx == 5", "True"},
      {"print(3)", std::nullopt},
      {"", std::nullopt},
      {"# nothing", std::nullopt},
      {"None", std::nullopt},
      {"(1 +\n 2)", "3"},
      {"f = lambda a=1: a\nf(\n  a=3\n)", "3"},
      {"x = 1; x + 1", "2"},
      {"'''\nx = 5'''", "'\\nx = 5'"},
      {"if True:\n  7", std::nullopt},
      {"1; y = 2", std::nullopt},
      {"from __future__ import annotations\ndef f(x: q): pass\nf.__annotations__", "{'x': 'q'}"},
      {"from fractions import Fraction\nFraction(1, 3)", "Fraction(1, 3)"},
      {"__name__", "'__main__'"},
      {"'caf\u00e9'", "'caf\u00e9'"},
  };
  for (const auto& [program, value] : table) {
    CAPTURE(program);
    const auto result = bench.Run(program);
    CHECK(result.outcome == Outcome::kOk);
    CHECK(result.value == value);
  }
}

TEST_CASE("Output before a failure is kept and the failing step is named") {
  Bench bench;
  const auto result = bench.RunSteps({"print('one')\ndef f():\n  return 1 // 0", "print('two')",
                                      "y = 1\n\nf()", "print('never')"});
  CHECK(result.outcome == Outcome::kException);
  CHECK(result.output == "one\ntwo\n");
  CHECK(result.error == "ZeroDivisionError: integer division or modulo by zero");
  CHECK(result.error_step == 2);
}

TEST_CASE("Steps run as their concatenation") {
  Bench bench;
  CHECK(bench.RunSteps({"if True:", "  x = 4", "x"}).value == "4");
  CHECK(bench.RunSteps({"x = (", "1)", "x"}).value == "1");
  const auto broken = bench.RunSteps({"print('never')", "x = = 1", "x"});
  CHECK(broken.outcome == Outcome::kException);
  CHECK(broken.error == "SyntaxError: invalid syntax");
  CHECK(broken.error_step == 1);
  CHECK(broken.output == "");
}

TEST_CASE("Every kind of end has its outcome") {
  Bench bench;
  REQUIRE(bench.level() >= 1);
  const std::vector<std::pair<std::string, Outcome>> table = {
      {"pass", Outcome::kOk},
      {"raise ValueError('no')", Outcome::kException},
      {"assert False", Outcome::kException},
      {"def f(): f()\nf()", Outcome::kException},
      {"input()", Outcome::kException},
      {"import nowhere", Outcome::kException},
      {"class E(Exception):\n  def __str__(self): raise SystemExit(0)\nraise E()",
       Outcome::kException},
      {"import sys\nsys.exit(3)", Outcome::kExitCall},
      {"exit()", Outcome::kExitCall},
      {"import os\nos._exit(0)", Outcome::kNoResult},
      {"import os\nos.closerange(3, 256)\nprint('x')", Outcome::kOk},
      {"import os\nos.closerange(0, 64)\nprint('x')", Outcome::kException},
      {"raise MemoryError('mine')", Outcome::kException},
      {"class Full(MemoryError): pass\nraise Full", Outcome::kException},
      {"import signal\nsignal.raise_signal(signal.SIGXCPU)", Outcome::kSignal},
      {"import signal\nsignal.raise_signal(signal.SIGRTMIN)", Outcome::kSignal},
      {"import signal\nsignal.signal(2, signal.SIG_DFL)\nsignal.raise_signal(2)", Outcome::kSignal},
      {"import ctypes\nctypes.string_at(0)", Outcome::kSignal},
      {"import os\nos.abort()", Outcome::kSignal},
      {"import faulthandler\nfaulthandler._sigsegv()", Outcome::kSignal},
      {"import signal, time\nsignal.alarm(1)\ntime.sleep(5)", Outcome::kSignal},
      {"import signal\nsignal.signal(signal.SIGALRM, lambda *a: print('ring'))\n"
       "signal.setitimer(0, 0.05)\nsignal.pause()",
       Outcome::kOk},
      {"import os\nos.kill(os.getpid(), 9)", Outcome::kException},
      {"b = bytearray(10 ** 10)", Outcome::kMemoryLimit},
      {"a = []\nwhile True: a.append('x' * 1000000)", Outcome::kMemoryLimit},
      {"print('x' * 70000)", Outcome::kOutputLimit},
      {"while True: print('flood')", Outcome::kOutputLimit},
      {"'x' * 70000", Outcome::kOutputLimit},
      {"open('/tmp/gradus-never', 'w').write('x' * 100000)", Outcome::kException},
      {"text with no sense", Outcome::kException},
      {std::string("x = '\0'", 7), Outcome::kException},
  };
  for (const auto& [program, outcome] : table) {
    CAPTURE(program);
    const auto result = bench.Run(program);
    CHECK(std::string(ToString(result.outcome)) == ToString(outcome));
    CHECK(result.error.empty() == (outcome == Outcome::kOk));
  }
  ::unlink("/tmp/gradus-never");
}

TEST_CASE("Errors read as the last line of a traceback") {
  Bench bench;
  CHECK(bench.Run("{}['k']").error == "KeyError: 'k'");
  CHECK(bench.Run("assert False").error == "AssertionError");
  CHECK(bench.Run("import json\njson.loads('')").error ==
        "json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)");
  CHECK(bench.Run("import sys\nsys.exit('why')").error == "SystemExit: why");
}

TEST_CASE("A program that never ends is ended by the wall clock or by its CPU limit") {
  Bench bench;
  const auto sleeper =
      bench.Run("print('on')\nprint('and', end='')\nimport time\ntime.sleep(60)", Limits(0.4));
  CHECK(sleeper.outcome == Outcome::kWallTimeout);
  CHECK(sleeper.output == "on\nand");
  CHECK(sleeper.wall_s >= 0.4);
  CHECK(sleeper.wall_s < 0.4 + 0.5);
  // Catching everything does not help.
  const auto stubborn = bench.Run(
      "import signal\nfor s in range(1, 65):\n  try: signal.signal(s, signal.SIG_IGN)\n"
      "  except (OSError, ValueError): pass\n"
      "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
      Limits(0.4));
  CHECK(stubborn.outcome == Outcome::kWallTimeout);
  CHECK(bench.Run("while True: pass", Limits(60, 1)).outcome == Outcome::kCpuTimeout);
}

TEST_CASE("Invalid UTF-8 in the output is replaced") {
  Bench bench;
  const auto result = bench.Run("import os\nos.write(1, b'\\xff ok \\xc3\\xa9')\npass");
  CHECK(result.outcome == Outcome::kOk);
  CHECK(result.output == "\xEF\xBF\xBD ok \u00e9");
}

TEST_CASE("Threads that were not joined finish first") {
  Bench bench;
  const auto result = bench.Run(
      "import threading, time\n"
      "def late():\n  time.sleep(0.05)\n  print('late')\nthreading.Thread(target=late).start()");
  CHECK(result.outcome == Outcome::kOk);
  CHECK(result.output == "late\n");
}

TEST_CASE("Each of many programs is answered exactly once, whatever its neighbours do") {
  Bench bench(2);
  std::vector<Program> programs;
  for (int i = 0; i < 100; ++i) {
    std::string text = "print(" + std::to_string(i) + ")\n";
    if (i % 10 == 3) text += "import os\nos._exit(1)";
    if (i % 10 == 5) text += "1 / 0";
    programs.push_back({{text}, {}});
  }
  const auto results = bench.RunAll(programs, Limits(10));
  for (int i = 0; i < 100; ++i) {
    CAPTURE(i);
    const auto& result = results[static_cast<std::size_t>(i)];
    const auto expected = i % 10 == 3   ? Outcome::kNoResult
                          : i % 10 == 5 ? Outcome::kException
                                        : Outcome::kOk;
    CHECK(std::string(ToString(result.outcome)) == ToString(expected));
    CHECK(result.output == std::to_string(i) + "\n");
  }
}

TEST_CASE("Programs that run for long do not hold up the others") {
  Bench bench(1);
  int long_ones = 0, short_ones = 0;
  for (int i = 0; i < 2; ++i) {
    bench.executor->Check({{"import time\ntime.sleep(300)"}, {}}, Limits(400),
                          [&](ExecResult) { ++long_ones; });
  }
  for (int i = 0; i < 20; ++i) {
    bench.executor->Check({{"print(1)"}, {}}, Limits(10), [&](ExecResult result) {
      CHECK(result.outcome == Outcome::kOk);
      if (++short_ones == 20) bench.io.stop();
    });
  }
  bench.io.run();
  CHECK(short_ones == 20);
  CHECK(long_ones == 0);
}

TEST_CASE("Slots that were started in a hold-up end with it") {
  Bench bench(1);
  const auto users = [&] {
    int count = 0;
    for (const auto& task : fs::directory_iterator("/proc/self/task")) {
      std::ifstream file(task.path() / "children");
      for (int pid; file >> pid;) ++count;
    }
    return count;
  };
  const int before = users();
  int ended = 0, most = 0;
  for (int i = 0; i < 4; ++i) {
    bench.executor->Check({{"import time\ntime.sleep(3)"}, {}}, Limits(10), [&](ExecResult result) {
      CHECK(result.error == "");
      most = std::max(most, users());
      ++ended;
    });
  }
  bench.io.run();
  CHECK(ended == 4);
  CHECK(most > before);  // The hold-up had them started.
  CHECK(bench.Run("print(1)").output == "1\n");
  CHECK(users() == before);
}

TEST_CASE("A program may only use the allowed steps, compared as syntax") {
  Bench bench;
  const std::vector<std::string> allowed = {"x = 1 + 2", "y = x*3", "print(y)"};
  CHECK(bench.RunSteps({"x = 1 + 2", "y = x*3", "print(y)"}, allowed).output == "9\n");
  CHECK(bench.RunSteps({"x = (1+2) # same tree", "y=x * 3\nprint( y )"}, allowed).output == "9\n");
  for (const char* step : {"print(x)", "x = 1 + 3", "x = 1.0 + 2", "print('y')", "import os",
                           "x = 1 + 2; y = 5", "if x: print(y)", "x += 1 + 2", "x = 1 - 2"}) {
    CAPTURE(std::string(step));
    const auto result = bench.RunSteps({"x = 1 + 2", step}, allowed);
    CHECK(result.outcome == Outcome::kException);
    CHECK(result.error == "NotAllowed: statement is not one of the allowed steps");
    CHECK(result.error_step == 1);
    CHECK(result.output == "");
  }
}

TEST_CASE("The same program prints the same twice") {
  Bench bench(1, {"math", "random"});
  const std::string program =
      "import random\nprint(random.random(), {'a', 'b', 'c', 'dd'}, hash('x'))";
  CHECK(bench.Run(program).output == bench.Run(program).output);
  Bench bare;
  CHECK(bare.Run(program).output == bench.Run(program).output);
}

TEST_CASE("A program prints the same in every interpreter, at every level") {
  const std::string program =
      "import os, random, sys, uuid, secrets, socket\n"
      "class A: pass\nx = [A() for _ in range(8)]\n"
      "print([x.index(a) for a in set(x)], lambda: 0, hash(object()), (i for i in x))\n"
      "print(random.Random().random(), uuid.uuid4(), secrets.token_hex(4), os.urandom(3))\n"
      "print(os.getpid(), os.getuid(), os.uname(), socket.gethostname(), os.cpu_count())\n"
      "print(sorted(os.environ), sys.argv, sys.path)";
  std::string first;
  for (const char* level : {"auto", "auto", "L3", "L2", "L1"}) {
    if (!Works(level)) continue;
    CAPTURE(std::string(level));
    Bench bench(1, {"random"}, level);
    for (int i = 0; i < 2; ++i) {
      const ExecResult result = bench.Run(program);
      CHECK(result.error == "");
      if (first.empty()) first = result.output;
      CHECK(result.output == first);
    }
  }
}

TEST_CASE("A program is the outermost code, as in a plain interpreter") {
  Bench bench;
  CHECK(bench.Run("import sys\nsys._getframe().f_back").value == std::nullopt);
  const std::string deep = "def s(n): return 0 if n == 0 else n + s(n - 1)\n";
  CHECK(bench.Run(deep + "s(998)").value == "498501");
  CHECK(bench.Run(deep + "s(999)").error.starts_with("RecursionError: maximum recursion depth"));
}

TEST_CASE("A final expression sees the builtins that the program began with") {
  Bench bench;
  CHECK(bench.Run("__builtins__ = 3\nlen('abc')").value == "3");
}

TEST_CASE("A program has its standard descriptors and no other") {
  Bench bench;
  const std::string look =
      "import os\nfound = []\nfor fd in range(256):\n"
      "  try: os.fstat(fd); found.append(fd)\n  except OSError: pass\nfound";
  CHECK(bench.Run(look).value == "[0, 1, 2]");
}

TEST_CASE("Functions for the program's exit are called") {
  Bench bench;
  CHECK(bench.Run("import atexit\natexit.register(print, 'bye')\nprint('on')").output ==
        "on\nbye\n");
}

TEST_CASE("A program that does not fit its memory is told so") {
  Bench bench;
  ExecLimits limits = Limits(10);
  limits.mem_mb = 16;
  CHECK(bench.Run("x = '" + std::string(12 << 20, 'a') + "'", limits).outcome ==
        Outcome::kMemoryLimit);
}

TEST_CASE("A large program and a large value pass whole") {
  Bench bench;
  std::string program;
  for (int i = 0; i < 20000; ++i)
    program += "x" + std::to_string(i) + " = " + std::to_string(i) + "\n";
  CHECK(bench.Run(program + "x19999").value == "19999");
  CHECK(bench.Run("'x' * 60000").value->size() == 60002);
  ExecLimits limits = Limits(10);
  limits.out_kb = 4096;
  CHECK(bench.Run("'x' * 3000000", limits).value->size() == 3000002);
}

TEST_CASE("An executor may be ended from inside an answer") {
  Bench bench(2);
  int answers = 0;
  for (int i = 0; i < 3; ++i) {
    bench.executor->Check({{"print(1)"}, {}}, Limits(10), [&](const ExecResult&) {
      ++answers;
      bench.executor.reset();
    });
  }
  bench.io.run();
  CHECK(answers == 1);
}

TEST_CASE("The version names interpreter, packages and level") {
  Bench bench(1, {"json"});
  const std::string version = bench.executor->Version();
  CHECK(version.starts_with("python 3."));
  CHECK(version.find("json 2") != std::string::npos);
  CHECK(version.ends_with(std::string("; ") + LevelName(bench.level())));
}

TEST_CASE("A missing module is reported with its name") {
  asio::io_context io;
  ExecutorOptions options;
  options.preload = {"no_such_module"};
  CHECK_THROWS_WITH_AS(MakePythonExecutor(io, options),
                       "python3 cannot start with no_such_module: "
                       "ModuleNotFoundError: No module named 'no_such_module'",
                       Error);
}

TEST_CASE("The lowest level must be named") {
  asio::io_context io;
  ExecutorOptions options;
  options.preload = {};
  options.level = "L9";
  CHECK_THROWS_WITH_AS(MakePythonExecutor(io, options),
                       "execution.level: 'L9' is not auto, L3, L2, L1 or L0", Error);
  options.level = "auto";
  CHECK(MakePythonExecutor(io, options)->isolation().level >= 1);
}
