// What a confined program can do, tried by programs.
#include <doctest/doctest.h>
#include <fcntl.h>

#include "schemas/base/file.h"
#include "tests/verify/python/executor_bench.h"

using namespace gradus;

TEST_CASE("A program sees neither the environment nor the files of its parent") {
  ::setenv("GRADUS_CANARY", "canary-value", 1);
  const Fd open_file(::open("/dev/null", O_RDONLY));  // Inheritable on purpose.
  int tried = 0;
  for (const char* level : {"L3", "L2", "L1", "L0"}) {
    if (!Works(level)) continue;
    ++tried;
    CAPTURE(std::string(level));
    Bench bench(1, {}, level);
    const auto result = bench.Run(
        "import os\nfound = []\nfor fd in range(1024):\n"
        "  try: os.fstat(fd); found.append(fd)\n  except OSError: pass\n"
        "print('GRADUS_CANARY' in os.environ, found)");
    CHECK(result.output == "False [0, 1, 2]\n");
  }
  CHECK(tried > 0);
  ::unsetenv("GRADUS_CANARY");
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
  int tried = 0;
  for (const char* level : {"L3", "L2", "L1"}) {
    if (!Works(level)) continue;
    ++tried;
    CAPTURE(std::string(level));
    Bench bench(1, {}, level);
    REQUIRE(bench.executor->isolation().reads_confined);
    const auto result = bench.Run(program);
    CHECK(result.output == "True 1\n");
    CHECK(result.error == "");
  }
  CHECK(tried > 0);
}

TEST_CASE("Outside of what it may read a program finds nothing, at every level") {
  int tried = 0;
  for (const char* level : {"L3", "L2", "L1"}) {
    if (!Works(level)) continue;
    ++tried;
    CAPTURE(std::string(level));
    Bench bench(1, {}, level);
    const auto result = bench.Run(
        "import os\nfor path in ('/root', '/etc/passwd', '/usr/../etc/passwd', '//etc/./passwd',\n"
        "             '/var/log', '/usr/lib/../../root', 'etc/passwd'):\n"
        "  for look in (os.stat, os.lstat, os.listdir, open, os.chdir, os.readlink):\n"
        "    try: print('found', path, look(path))\n"
        "    except FileNotFoundError: pass\n"
        "  if os.access(path, 0): print('found', path)\n"
        "print(os.path.isdir('/usr/lib'), os.path.isdir('/etc'), os.getcwd())");
    CHECK(result.output == "True True /\n");
  }
  CHECK(tried > 0);
}

TEST_CASE("A call of another architecture ends the program") {
  Bench bench;
  REQUIRE(bench.level() > 0);
  // mov eax, 20 (getpid of i386); int 0x80; ret
  const auto result = bench.Run(
      "import ctypes, mmap\nm = mmap.mmap(-1, 4096, prot=7)\n"
      "m.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))\n"
      "f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\n"
      "print(f())");
  CHECK(result.outcome == Outcome::kSignal);
  CHECK(result.output == "");
}
