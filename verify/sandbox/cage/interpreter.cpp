// The main function of a warm interpreter: warm, confine, serve, and in the process of a job run
// its program. No frame of Python is below a program's own, as in a plain interpreter.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "verify/sandbox/cage/levels.h"
#include "verify/sandbox/cage/program.h"
#include "verify/sandbox/cage/report.h"
#include "verify/sandbox/cage/serve.h"
#include "verify/sandbox/cage/visible_paths.h"

// The text of zygote.py.
extern "C" const char gradus_zygote_begin[];

namespace gradus::cage {
namespace {

constexpr int kReasonBytes = 2000, kMessageBytes = 4000;

[[noreturn]] void GiveUp(const char* why) {
  char message[kMessageBytes];
  const int size = std::snprintf(message, sizeof message, "E%s", why);
  (void)!::write(kControlFd, message, static_cast<std::size_t>(size < 0 ? 0 : size));
  ::_exit(1);
}

// Gathers the warm heap into huge pages: a fork copies, and an exit clears, one entry for each
// page, which is the larger part of a short program's cost (7 ms to 3 ms with sympy loaded). At
// once from Linux 6.1 on, else by the kernel's daemon in its own time.
void GatherPages(const Bars& bars) {
  constexpr int kCollapse = 25;  // MADV_COLLAPSE
  constexpr std::uintptr_t kHuge = 2u << 20;
  static char text[1 << 17];  // The mappings of an interpreter with numpy take about 40 KiB.
  std::size_t size = 0;
  for (ssize_t more;
       size < sizeof text - 1 && (more = ::pread(bars.maps, text + size, sizeof text - 1 - size,
                                                 static_cast<off_t>(size))) > 0;) {
    size += static_cast<std::size_t>(more);
  }
  text[size] = '\0';
  for (char* line = text; line && *line; line = std::strchr(line, '\n')) {
    if (*line == '\n') ++line;
    unsigned long begin, end, inode;
    char rights[8], offset[24], device[16];
    if (std::sscanf(line, "%lx-%lx %7s %23s %15s %lu", &begin, &end, rights, offset, device,
                    &inode) != 6) {
      break;
    }
    begin = (begin + kHuge - 1) & ~(kHuge - 1);
    end &= ~(kHuge - 1);
    if (inode != 0 || rights[1] != 'w' || begin >= end) continue;
    void* memory = reinterpret_cast<void*>(begin);
    ::madvise(memory, end - begin, MADV_HUGEPAGE);
    ::madvise(memory, end - begin, kCollapse);
  }
}

std::uint64_t AddressSpace(const Bars& bars) {
  char text[64] = {};
  if (::pread(bars.statm, text, sizeof text - 1, 0) <= 0) return 0;
  return std::strtoull(text, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// Process 1 of the slot's PID name space: when it goes, all others there go too. Programs are never
// this one, since it ignores the signals that end others.
void StartFirstProcess() {
  int ready[2];
  const long first = ::pipe2(ready, O_CLOEXEC) == 0 ? ForkProcess() : -1;
  if (first < 0) GiveUp("no process can be started");
  if (first > 0) {
    // Not before it is sure to go with us: nobody else would end it.
    char byte;
    ::close(ready[1]);
    if (::read(ready[0], &byte, 1) != 1) GiveUp("the first process died");
    ::close(ready[0]);
    return;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::write(ready[1], "", 1) != 1) ::_exit(1);
  for (int fd : ready) ::close(fd);
  ::signal(SIGCHLD, SIG_IGN);  // Orphans need no reaping.
  for (int fd : {kControlFd, kReportFd}) ::close(fd);
  for (;;) ::pause();
}

// The interpreter's own functions for jobs, in the order in which they are called.
struct Zygote {
  PyObject* scope = nullptr;

  void Load() {
    Py_Initialize();
    scope = PyDict_New();
    PyDict_SetItemString(scope, "__builtins__", PyImport_ImportModule("builtins"));
    PyDict_SetItemString(scope, "__name__", PyUnicode_FromString("zygote"));
    constexpr int kFileInput = 257;
    if (!PyRun_StringFlags(gradus_zygote_begin, kFileInput, scope, scope, nullptr)) Explain();
  }
  // New reference; ends the process when the function raises.
  PyObject* Call(const char* name, PyObject* argument) const {
    PyObject* function = PyDict_GetItemString(scope, name);
    PyObject* result = PyObject_CallFunctionObjArgs(function, argument, nullptr);
    if (!result) Explain();
    return result;
  }
  const char* Text(PyObject* text) const {
    const char* utf8 = PyUnicode_AsUTF8AndSize(text, nullptr);
    if (!utf8) Explain();
    return utf8;
  }

 private:
  [[noreturn]] static void Explain() { GiveUp(TellError().error); }
};

// `arguments`: the modules to warm up.
Bars Warm(const Zygote& zygote, int count, char** arguments) {
  static Bars bars;
  static Roots roots;
  char why[kReasonBytes];
  Reason reason(why, sizeof why);
  if (!ReadSetup(bars, reason)) GiveUp(why);
  ::close(kSetupFd);
  // They stay readable when /proc is out of sight.
  bars.statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  bars.maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  PyObject* names = PyList_New(0);
  for (int i = 1; i < count; ++i) PyList_Append(names, PyUnicode_FromString(arguments[i]));
  if (!roots.Add(zygote.Text(zygote.Call("readable_paths", nullptr)))) {
    GiveUp("the interpreter's packages lie in more folders than can be bound");
  }
  const int level = EnterBestLevel(bars, roots, reason);
  if (level < 0) {
    char message[kReasonBytes + 40];
    std::snprintf(message, sizeof message, "no isolation: %s", why);
    GiveUp(message);
  }
  if (level >= 2) StartFirstProcess();
  if (level == 1) ShowOnly(roots);
  const char* versions = zygote.Text(zygote.Call("warm_up", names));
  GatherPages(bars);
  bars.base_bytes = AddressSpace(bars);
  char message[kMessageBytes];
  const int size = std::snprintf(message, sizeof message, "R%d%d\n%s\n%s", level,
                                 level >= 2 || bars.rule_set >= 0, why, versions);
  if (::write(kControlFd, message, static_cast<std::size_t>(size)) != size) ::_exit(1);
  return bars;
}

// nullptr when it cannot be had.
PyObject* ReadProgram(int fd, std::uint64_t size) {
  PyObject* bytes = PyBytes_FromStringAndSize(nullptr, static_cast<Py_ssize_t>(size));
  char* data = nullptr;
  Py_ssize_t length = 0;
  const bool read = bytes && PyBytes_AsStringAndSize(bytes, &data, &length) == 0 &&
                    ::pread(fd, data, size, 0) == static_cast<ssize_t>(size);
  return read ? bytes : nullptr;
}

// The job's program, in a process that is confined now. Where that fails, which is never the
// program's fault, the process says so and ends.
PyObject* Confine(const Bars& bars, const Request& request, const JobFds& fds) {
  NotConfined told;
  Reason reason(told.reason, sizeof told.reason);
  PyObject* text = ReadProgram(fds.program, request.program_bytes);
  if (!text) {
    reason.Failed("reading the program");
  } else if (::dup2(fds.output, 1) != 1) {
    reason.Failed("placing descriptors");
  } else if (LockDown(bars, {request.memory_bytes, request.cpu_s, false}, reason)) {
    ::close(kControlFd);
    return text;
  }
  told.id = request.id;
  (void)!::write(kControlFd, &told, sizeof told);
  ::_exit(1);
}

[[noreturn]] void RunJob(const Bars& bars, const Zygote& zygote, const SharedReport& shared,
                         const Request& request, const JobFds& fds) {
  PyObject* text = Confine(bars, request, fds);
  PyOS_AfterFork_Child();
  const Report report = RunProgram(PyDict_GetItemString(zygote.scope, "prepare"), text);
  FinishThreads();
  FlushOutput();
  shared.Tell(report, request.value_bytes);
  ::_exit(0);
}

// What tells a program that it is judged, and where by.
void Hide() {
  ::unsetenv("LD_PRELOAD");
  Dl_info info{};
  link_map* library = nullptr;
  if (::dladdr1(gradus_zygote_begin, &info, reinterpret_cast<void**>(&library), RTLD_DL_LINKMAP) !=
          0 &&
      library) {
    static char nothing[] = "";
    library->l_name = nothing;
  }
}

int Main(int count, char** arguments, char**) {
  Hide();
  static Zygote zygote;
  static SharedReport shared;
  if (!shared.Map()) GiveUp("the report's memory cannot be mapped");
  ::close(kLibraryFd);
  if (::chdir("/") != 0) GiveUp("the root folder is not there");
  zygote.Load();
  const Bars bars = Warm(zygote, count, arguments);
  JobFds fds;
  const Request request = Serve(bars, fds);
  RunJob(bars, zygote, shared, request, fds);
}

using MainFunction = int (*)(int, char**, char**);
using StartFunction = int (*)(MainFunction, int, char**, void (*)(), void (*)(), void (*)(), void*);

}  // namespace
}  // namespace gradus::cage

// The C library starts each program by this function: here it starts ours in the interpreter's
// place.
extern "C" __attribute__((visibility("default"))) int __libc_start_main(
    gradus::cage::MainFunction, int count, char** arguments, void (*init)(), void (*finish)(),
    void (*loader_finish)(), void* stack_end) {
  const auto start =
      reinterpret_cast<gradus::cage::StartFunction>(::dlsym(RTLD_NEXT, "__libc_start_main"));
  return start(gradus::cage::Main, count, arguments, init, finish, loader_finish, stack_end);
}
