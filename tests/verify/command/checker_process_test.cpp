// What a checker must not do to the machine, whatever a candidate makes of it.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "schemas/base/error.h"
#include "tests/verify/command/checker_bench.h"
#include "verify/sandbox/confined_process.h"

using namespace gradus;

namespace {

constexpr const char* kLevels[] = {"L3", "L2", "L1"};

// Runs `answer` as Python and shows what it printed, or the name of its error.
constexpr const char* kRunsAnything =
    "    import contextlib, io\n"
    "    out = io.StringIO()\n"
    "    try:\n"
    "        with contextlib.redirect_stdout(out): exec(answer, {})\n"
    "    except BaseException as error: print(type(error).__name__, file=out)\n"
    "    reply(shown=out.getvalue(), judgement='unverifiable')\n";

// Calls `visit(bench)` for each level that works here.
template <class Visit>
void AtEachLevel(Visit visit) {
  for (const char* level : kLevels) {
    CAPTURE(std::string(level));
    CheckerBench bench(kRunsAnything, 1, level);
    try {
      bench.Open();
    } catch (const Error& error) {
      MESSAGE("skipped at " << std::string(level) << ": " << std::string(error.what()));
      continue;
    }
    visit(bench);
  }
}

std::string Shown(CheckerBench& bench, const std::string& program) {
  const Checked checked = bench.Check(program);
  CAPTURE(program);
  CAPTURE(checked.report.error);
  CHECK(checked.report.end == End::kFine);
  return checked.report.shown;
}

bool ReadsAreConfined(const CheckerBench& bench) {
  const bool by_root = bench.options.level != "L1";
  return by_root || ::syscall(444, nullptr, 0, 1) > 0;  // Landlock.
}

}  // namespace

TEST_CASE("A checker may start threads and programs, and reads its own folder") {
  AtEachLevel([](CheckerBench& bench) {
    bench.Write("data.txt", "mine");
    CHECK(Shown(bench,
                "import subprocess\n"
                "print(subprocess.run(['/bin/echo', 'hi'], capture_output=True).stdout)") ==
          "b'hi\\n'\n");
    CHECK(Shown(bench,
                "import threading\nt = threading.Thread(target=lambda: print('ran'))\n"
                "t.start()\nt.join()") == "ran\n");
    CHECK(Shown(bench, "print(open('" + (bench.folder / "data.txt").string() + "').read())") ==
          "mine\n");
    CHECK(Shown(bench, "import multiprocessing as m\nprint(m.cpu_count() > 0)") == "True\n");
    CHECK(Shown(bench, "print('x', file=open('/dev/null', 'w'))").size() <= 16);
  });
}

TEST_CASE("A checker reaches no network, no other file, no other process, and writes nothing") {
  ::setenv("GRADUS_CANARY", "canary-value", 1);
  const Fd open_file(::open("/dev/null", O_RDONLY));  // Inheritable on purpose.
  TempFolder elsewhere;
  std::filesystem::permissions(elsewhere.path(), std::filesystem::perms(0777));
  WriteBytes(elsewhere / "canary", "secret");
  std::filesystem::permissions(elsewhere / "canary", std::filesystem::perms(0666));
  const std::string canary = (elsewhere / "canary").string();
  const std::string self = std::to_string(::getpid());
  AtEachLevel([&](CheckerBench& bench) {
    const std::string own = bench.folder.path().string();
    std::filesystem::permissions(own, std::filesystem::perms(0777));
    const auto refused = [&](const std::string& program) {
      const std::string shown = Shown(bench, program);
      CAPTURE(program);
      CHECK_MESSAGE((shown == "PermissionError\n" || shown == "OSError\n" ||
                     shown == "FileNotFoundError\n" || shown == "ProcessLookupError\n"),
                    shown);
    };
    refused("import socket; socket.socket(socket.AF_INET)");
    refused("import socket; socket.socket(socket.AF_UNIX)");
    refused("import socket; socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)");
    refused("open('" + own + "/new', 'w')");
    refused("open('/tmp/gradus-canary', 'w')");
    refused("open('" + canary + "', 'w')");
    refused("open('/etc/shadow')");
    refused("import os; os.mkdir('" + own + "/folder')");
    refused("import os; os.unlink('" + own + "/checker.py')");
    refused("import os; os.kill(" + self + ", 0)");
    refused("import os; os.kill(os.getppid(), 9) if os.getppid() != 1 else os.kill(" + self +
            ", 0)");
    refused("import os; os.chmod('" + own + "/checker.py', 0)");
    refused("import os; os.memfd_create('x')");
    if (ReadsAreConfined(bench)) refused("open('" + canary + "')");
    CHECK(Shown(bench, "import os; print(os.environ.get('GRADUS_CANARY'))") == "None\n");
    // Only its own three, and the folder that is being read.
    CHECK(Shown(bench,
                "import os\nopen_ = []\nfor fd in range(64):\n"
                "  try: os.fstat(fd); open_.append(fd)\n  except OSError: pass\n"
                "print(open_)") == "[0, 1, 2]\n");
    // ptrace, mount, unshare, keyctl, bpf, io_uring_setup, userfaultfd: by number, past the
    // library.
    CHECK(Shown(bench,
                "import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\n"
                "for number in (101, 165, 272, 250, 321, 425, 323):\n"
                "  libc.syscall(number, 0, 0, 0, 0, 0)\n"
                "  print(errno.errorcode[ctypes.get_errno()])") ==
          "EPERM\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\nEPERM\n");
  });
}

TEST_CASE("A checker runs as nobody where this is root, and a kill takes all that it started") {
  const auto before = Children();
  AtEachLevel([&](CheckerBench& bench) {
    if (::geteuid() == 0) {
      CHECK(Shown(bench, "import os; print(os.getuid() >= 65520, os.getgid() >= 65520)") ==
            "True True\n");
    }
    const std::string mark = "import time; time.sleep(88.125)";
    const std::string spawn =
        "import subprocess\nfor new in (False, True):\n"
        "  subprocess.Popen(['/usr/bin/python3', '-c', '" +
        mark +
        "'], start_new_session=new, stdout=subprocess.DEVNULL)\n"
        "import os\nif os.fork() == 0:\n  os.setsid()\n"
        "  if os.fork() == 0: os.execv('/usr/bin/python3', ['python3', '-c', '" +
        mark + "'])\n  os._exit(0)\nprint('started')";
    CHECK(Shown(bench, spawn) == "started\n");
    // It hangs, and is ended.
    bench.options.limits.wall_s = 0.5;
    CHECK(bench.Check("while True: pass").report.outcome == "checker-silent");
    CHECK(ProcessesWithCommand(mark) == 0);
    // It is let go while all is well.
    bench.options.limits.wall_s = 5;
    CHECK(Shown(bench, spawn) == "started\n");
    bench.verifier.reset();
    CHECK(ProcessesWithCommand(mark) == 0);
  });
  CHECK(Children() == before);
}

TEST_CASE("The memory of a checker's process is limited") {
  AtEachLevel([](CheckerBench& bench) {
    bench.verifier.reset();
    bench.options.limits.mem_mb = 200;
    CHECK(Shown(bench, "b = bytearray(300 << 20)") == "MemoryError\n");
    CHECK(Shown(bench, "b = bytearray(30 << 20)").empty());
  });
}

TEST_CASE("A confined process tells how it ended and what it used") {
  ConfinedOptions options;
  options.levels = *ReadLevels("auto");
  const auto end_of = [&](std::vector<std::string> command) {
    options.command = std::move(command);
    ConfinedProcess process(options);
    CHECK(process.WaitUntilConfined().level >= 1);
    const Fd output = process.TakeOutput();
    ::fcntl(output.get(), F_SETFL, 0);
    char byte;
    while (::read(output.get(), &byte, 1) > 0) {
    }
    return process.End(2000);
  };
  CHECK(end_of({"/bin/sh", "-c", "exit 3"}).how == "exit status 3");
  CHECK(end_of({"/bin/sh", "-c", "kill -9 $$; exit 4"}).how.size() > 0);
  CHECK(end_of({"/usr/bin/python3", "-c", "n = sum(range(10**7))"}).cpu_s > 0.05);
  CHECK(end_of({"/nonexistent"}).how == "/nonexistent: No such file or directory");
}
