// The functions that zygote.py calls, in the order of the life of a slot: enter, serve, and in a
// job's process fail or run.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "verify/sandbox/cage/jail.h"
#include "verify/sandbox/cage/landlock.h"
#include "verify/sandbox/cage/program.h"
#include "verify/sandbox/cage/report.h"
#include "verify/sandbox/cage/serve.h"
#include "verify/sandbox/cage/signals.h"

namespace gradus::cage {
namespace {

constexpr int kTrialOk = 7;

// One slot per process, by nature.
Bars bars;
Roots roots;

// The job of this process. It ends once: what a program calls meanwhile reports nothing.
Request job;
bool job_is_open = false;

bool JoinGroups(Reason& reason) {
  for (const auto& file : bars.setup.group_files) {
    if (file[0] != '\0' && !WriteText(file, "0")) return reason.Failed("joining the control group");
  }
  return true;
}

// Everything that level `level` means for the slot as a whole.
bool EnterLevel(int level, Reason& reason) {
  bars.level = level;
  if (level == 0) return true;
  if (level >= 3 && !JoinGroups(reason)) return false;
  const bool new_user = level >= 2 && !HasSysAdmin();
  if (level >= 2 && !EnterJail(roots, new_user, reason)) return false;
  bars.change_user = ::geteuid() == 0 && !new_user && bars.setup.uid != 0;
  bars.rule_set = MakeRuleSet(roots);
  return true;
}

// Really does it, in a process of its own: enters the level and confines a child of it.
[[noreturn]] void TryLevel(int level, int report) {
  char text[400];
  Reason reason(text, sizeof text);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (EnterLevel(level, reason)) {
    const long child = ForkProcess(level >= 2, 0);
    if (child == 0) {
      Request request;
      request.memory_bytes = 1u << 30;
      request.cpu_s = 5;
      char why[400];
      Reason failure(why, sizeof why);
      // The lock-down keeps the result's descriptor: it carries the reason.
      if (LockDown(bars, request, {null, null, report, -1}, failure)) ::_exit(kTrialOk);
      const int told = ::fcntl(kResultFd, F_GETFD) >= 0 ? kResultFd : report;
      (void)!::write(told, why, std::strlen(why));
      ::_exit(1);
    }
    int status = 0;
    if (child < 0) {
      reason.Failed("starting a process");
    } else if (::waitpid(static_cast<pid_t>(child), &status, 0) < 0 || !WIFEXITED(status) ||
               WEXITSTATUS(status) != kTrialOk) {
      ::_exit(1);
    } else {
      ::_exit(kTrialOk);
    }
  }
  (void)!::write(report, text, std::strlen(text));
  ::_exit(1);
}

bool LevelWorks(int level, Reason& reason) {
  int report[2];
  if (::pipe2(report, O_CLOEXEC) != 0) return reason.Failed("pipe");
  const pid_t trial = ::fork();
  if (trial == 0) TryLevel(level, report[1]);
  ::close(report[1]);
  char why[400] = {};
  const ssize_t size = ::read(report[0], why, sizeof why - 1);
  ::close(report[0]);
  int status = 0;
  if (trial < 0) return reason.Failed("fork");
  ::waitpid(trial, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == kTrialOk) return true;
  reason.Add(size > 0 ? why : "the trial process died");
  return false;
}

// Gathers the warm heap into huge pages: a fork copies, and an exit clears, one entry for each
// page, which is the larger part of a short program's cost (7 ms to 3 ms with sympy loaded). At
// once from Linux 6.1 on, else by the kernel's daemon in its own time.
void GatherPages() {
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

void CloseJob() {
  if (!job_is_open) ::_exit(1);
  job_is_open = false;
}

[[noreturn]] void EndJob(const Report& report) {
  Send(kResultFd, job.nonce, report);
  ::_exit(0);
}

// 'R' and the CPU seconds used so far.
void AnnounceKept() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const long ms = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                  (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
  char text[40];
  const int size = std::snprintf(text, sizeof text, "R%ld.%03ld", ms / 1000, ms % 1000);
  (void)!::write(kKeptControlFd, text, static_cast<std::size_t>(size));
}

std::uint64_t AddressSpace() {
  char text[64] = {};
  if (::pread(bars.statm, text, sizeof text - 1, 0) <= 0) return 0;
  return std::strtoull(text, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace
}  // namespace gradus::cage

using namespace gradus::cage;

extern "C" {

// Confines the interpreter as far as the supervisor allows and the kernel can. `paths`: what
// programs may read. Returns the level, or -1; `text` says why no higher one.
__attribute__((visibility("default"))) int cage_enter(const char* paths, char* text,
                                                      std::size_t size) {
  Reason reason(text, size);
  if (::pread(kSetupFd, &bars.setup, sizeof bars.setup, 0) != sizeof bars.setup ||
      bars.setup.size != sizeof bars.setup || !bars.filters.Read(bars.setup, reason)) {
    reason.Add("the supervisor's setup cannot be read");
    return -1;
  }
  roots.Add(paths);
  // They stay readable when /proc is out of sight.
  bars.statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  bars.maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  // Where memory runs out, programs go first, before anything of the run.
  WriteText("/proc/self/oom_score_adj", "1000");
  for (int level = 3; level >= 0; --level) {
    if (!((bars.setup.levels >> level) & 1)) continue;
    char why[400];
    Reason failure(why, sizeof why);
    if (LevelWorks(level, failure) && EnterLevel(level, failure)) return level;
    char name[16];
    std::snprintf(name, sizeof name, "%sL%d: ", text[0] ? "; " : "", level);
    reason.Add(name);
    reason.Add(why);
  }
  return -1;
}

// Whether Landlock confines what programs read.
__attribute__((visibility("default"))) int cage_reads_confined() {
  return bars.level >= 2 || bars.rule_set >= 0;
}

// Returns the size of a job's program, in the process of that job, confined; see Serve.
__attribute__((visibility("default"))) std::uint32_t cage_serve() {
  GatherPages();
  bars.base_bytes = AddressSpace();
  job = Serve(bars, kControlFd, false);
  RememberDescriptors();
  job_is_open = true;
  return job.program_bytes;
}

// Whether the job is a prefix that others go on from.
__attribute__((visibility("default"))) int cage_is_prefix() { return job.keep; }

// The program cannot run: `error`, or nullptr for steps that must run with those before them.
__attribute__((visibility("default"))) void cage_fail(PyObject* error, const std::uint32_t* ends,
                                                      std::uint32_t steps) {
  CloseJob();
  Report report;
  if (error) {
    report = ReportFailure(error, {nullptr, nullptr, nullptr, ends, steps});
  } else {
    report.status = Status::kRerun;
  }
  EndJob(report);
}

// Runs the program and ends the process; or, when the job is to be kept and may be, serves in its
// turn and returns the size of a following step's program, in that step's process.
__attribute__((visibility("default"))) std::uint32_t cage_run(PyObject* code, PyObject* last,
                                                              PyObject* scope,
                                                              const std::uint32_t* ends,
                                                              std::uint32_t steps) {
  CloseJob();
  const Report report = RunProgram({code, last, scope, ends, steps});
  if (!job.keep || report.status != Status::kOk || !MayBeKept() || !SignalsAreOurs()) {
    FinishThreads();
    FlushOutput();
    EndJob(report);
  }
  FlushOutput();
  Send(kResultFd, job.nonce, report);
  ::dup2(0, 1);
  ::close(kResultFd);
  FreezeObjects();
  RandomState random;
  AnnounceKept();
  job = Serve(bars, kKeptControlFd, true);
  random.Restore();
  RememberDescriptors();
  job_is_open = true;
  return job.program_bytes;
}
}
