#pragma once
#include <cstddef>
#include <cstdint>

// What the supervisor and the warm interpreter agree on. The cage is a small library without any
// dependency that is loaded before the interpreter's own libraries and takes the place of its main
// function: it warms the interpreter (zygote.py), confines it once (namespaces, file system,
// control group), then forks one child per job and confines that child for good (limits, user,
// Landlock, seccomp) before it runs any of its program. The launcher (sandbox/launcher) does the
// same for one program of another kind, by the same functions. Plain C values only.

namespace gradus::cage {

// Descriptors of the warm interpreter; 0, 1 and 2 are /dev/null. A job keeps those three, 1 as its
// stdout, and nothing else.
inline constexpr int kControlFd = 3;  // SOCK_SEQPACKET to the supervisor.
inline constexpr int kSetupFd = 4;    // A Setup, then the filters.
inline constexpr int kLibraryFd = 5;  // This library.
inline constexpr int kReportFd = 6;   // Memory that jobs report in, see ReportHead.

// Index: 2 * (Landlock confines writes) + (of a program of any kind: it has own PIDs).
inline constexpr int kFilters = 4;
inline constexpr int kGroupFiles = 2;

// Stands in the filters for "this process", known only in the child.
inline constexpr std::uint32_t kSelfPid = 0x5E1F91D0;

struct Setup {
  std::uint32_t size = sizeof(Setup);
  std::uint32_t levels = 0;        // Bit n: level n may be used; the highest that works is.
  std::uint32_t uid = 0;           // Of the jobs, when the supervisor is root.
  std::uint32_t tasks = 0;         // Limit of processes and threads.
  std::uint32_t open_files = 64;   // Limit of descriptors of a process.
  std::uint32_t may_execute = 0;   // 1: programs of the readable folders may be started.
  std::uint64_t memory_bytes = 0;  // Address space of a process that the launcher starts.
  std::uint32_t filter_at[kFilters] = {}, filter_instructions[kFilters] = {};
  char group_files[kGroupFiles][512] = {};  // cgroup.procs to join for L3; "" when there is none.
};

// Supervisor to interpreter: a job with its two descriptors (program, stdout), or a kill.
struct Request {
  char kind = 'J';  // 'J' or 'K'.
  std::uint8_t padding[3] = {};
  std::uint32_t cpu_s = 0;
  std::uint64_t id = 0;
  std::uint64_t memory_bytes = 0;  // Address space beyond the warm interpreter's own.
  std::uint64_t program_bytes = 0;
  std::uint64_t value_bytes = 0;  // A longer value is reported by its size alone.
};

// Interpreter to supervisor, when a job's process has ended.
struct Ended {
  char kind = 'X';
  std::uint8_t padding[3] = {};
  std::int32_t status = 0;  // As from wait4.
  std::uint64_t id = 0;
  std::uint64_t cpu_us = 0;
};

// Interpreter to supervisor, before that: the job's process could not be confined and ran nothing.
// Whoever runs a program has no descriptor any more to say so.
struct NotConfined {
  char kind = 'F';
  char reason[255] = {};
  std::uint64_t id = 0;
};

enum class Status : std::uint8_t { kOk = 0, kException = 1, kExitCall = 2, kMemory = 3 };

// How a program ended, told by its own process in memory that it shares with the supervisor, which
// reads it when the process is gone. Written last to first: `told` says that all else is there. The
// texts follow at kErrorAt and kValueAt. A program that writes here by native means can lie about
// itself.
struct ReportHead {
  std::uint8_t told = 0;  // 1: the program came to its end.
  Status status = Status::kOk;
  std::uint8_t has_value = 0;
  std::uint8_t padding = 0;
  std::int32_t step = -1;        // Of the failure.
  std::uint64_t error_size = 0;  // At most kErrorBytes.
  std::uint64_t value_size = 0;  // Of the whole value, also when it was too long to be told.
};
inline constexpr std::size_t kErrorAt = 64, kErrorBytes = 8000, kValueAt = 8192;
inline constexpr std::size_t kMostValueBytes = 64u << 20;
inline constexpr std::size_t kReportBytes = kValueAt + kMostValueBytes;

}  // namespace gradus::cage
