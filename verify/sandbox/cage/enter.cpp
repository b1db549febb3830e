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

#include "verify/sandbox/cage/levels.h"
#include "verify/sandbox/cage/program.h"
#include "verify/sandbox/cage/report.h"
#include "verify/sandbox/cage/serve.h"
#include "verify/sandbox/cage/signals.h"

namespace gradus::cage {
namespace {

// One slot per process, by nature.
Bars bars;
Roots roots;

// The job of this process. It ends once: what a program calls meanwhile reports nothing.
Request job;
bool job_is_open = false;

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
  if (!ReadSetup(bars, reason)) return -1;
  roots.Add(paths);
  // They stay readable when /proc is out of sight.
  bars.statm = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  bars.maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  return EnterBestLevel(bars, roots, reason);
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
