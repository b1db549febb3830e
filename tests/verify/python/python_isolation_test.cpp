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

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/verify/python/executor_bench.h"

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

constexpr const char* kLevels[] = {"L3", "L2", "L1", "L0"};

bool Works(const std::string& level) {
  try {
    Bench bench(1, {}, level);
    return true;
  } catch (const Error& error) {
    MESSAGE("skipped at " << level << ": " << std::string(error.what()));
    return false;
  }
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
  const auto killer = bench.Run("import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(100)");
  CHECK(killer.outcome == Outcome::kSandboxError);
  CHECK(bench.Run("print('pong')").output == "pong\n");
  const auto stopper =
      bench.Run("import os, time\nos.kill(os.getppid(), 19)\ntime.sleep(100)", Limits(0.3));
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

TEST_CASE("A program sees neither the environment nor the files of its parent") {
  ::setenv("GRADUS_CANARY", "canary-value", 1);
  const Fd open_file(::open("/dev/null", O_RDONLY));  // Inheritable on purpose.
  for (const char* level : kLevels) {
    if (!Works(level)) continue;
    CAPTURE(std::string(level));
    Bench bench(1, {}, level);
    const auto result = bench.Run(
        "import os\nfound = []\nfor fd in range(1024):\n"
        "  try: os.fstat(fd); found.append(fd)\n  except OSError: pass\n"
        "print('GRADUS_CANARY' in os.environ, found)");
    CHECK(result.output == "False [0, 1, 2, 62]\n");
  }
  ::unsetenv("GRADUS_CANARY");
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

TEST_CASE("From L1 on a program can only compute, read its interpreter and print") {
  const char* program =
      "import os, ctypes, errno\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "def refused(what, call):\n"
      "  try:\n    result = call()\n"
      "    if isinstance(result, int) and result == -1 and ctypes.get_errno(): return\n"
      "    print('allowed:', what, result)\n"
      "  except OSError: pass\n"
      "refused('fork', os.fork)\n"
      "refused('vfork', libc.vfork)\n"
      "refused('exec', lambda: os.execv('/bin/true', ['true']))\n"
      "refused('kill', lambda: os.kill(os.getppid() or 1, 0))\n"
      "refused('killpg', lambda: os.killpg(0, 0))\n"
      "import _socket\n"
      "for family in (1, 2, 10, 16, 17, 40):\n"
      "  refused(f'socket {family}', lambda: _socket.socket(family, 1))\n"
      "refused('socketpair', _socket.socketpair)\n"
      "refused('write', lambda: open('/tmp/gradus-x', 'w'))\n"
      "refused('create', lambda: os.open('/dev/shm/gradus-x', os.O_CREAT | os.O_RDWR))\n"
      "refused('mkdir', lambda: os.mkdir('/tmp/gradus-d'))\n"
      "refused('unlink', lambda: os.unlink('/tmp/nothing'))\n"
      "refused('memfd', lambda: os.memfd_create('x'))\n"
      "refused('passwd', lambda: open('/etc/passwd'))\n"
      "refused('environ', lambda: open('/proc/self/environ'))\n"
      "refused('nice', lambda: os.nice(5))\n"
      "refused('chroot', lambda: os.chroot('/'))\n"
      "for name, args in {'mount': (0, 0, 0, 0, 0), 'unshare': (0x10000000,), 'ptrace': (0, 0, 0, "
      "0),\n"
      "    'personality': (0xffffffff,), 'shmget': (0, 4096, 0o1777), 'prctl': (38, 1, 0, 0, 0),\n"
      "    'setns': (0, 0)}.items():\n"
      "  refused(name, lambda: getattr(libc, name)(*args))\n"
      "for number in (425, 248, 250, 321, 298, 323, 304, 434, 424, 317):\n"  // x86-64 numbers.
      "  refused(f'syscall {number}', lambda: libc.syscall(number, 0, 0, 0, 0, 0, 0))\n"
      "print(open(os.__file__).read(1) != '', open(os.devnull, 'w').write('x') if True else 0)\n";
  for (const char* level : {"L3", "L2", "L1"}) {
    if (!Works(level)) continue;
    CAPTURE(std::string(level));
    Bench bench(1, {}, level);
    REQUIRE(bench.executor->isolation().reads_confined);
    const auto result = bench.Run(program);
    CHECK(result.output == "True 1\n");
    CHECK(result.error == "");
  }
}

TEST_CASE("A call of another architecture ends the program") {
  Bench bench;
  if (bench.level() == 0) return;
  // mov eax, 20 (getpid of i386); int 0x80; ret
  const auto result = bench.Run(
      "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
      "m.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))\n"
      "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n"
      "print(f())");
  CHECK(result.outcome == Outcome::kSignal);
  CHECK(result.output == "");
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
