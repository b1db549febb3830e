#pragma once
#include <cstdint>

// What the supervisor and the warm interpreter agree on. The cage is a small library without any
// dependency that zygote.py loads: it confines the interpreter once (namespaces, file system,
// control group), then forks one child per job and confines that child for good (limits, user,
// Landlock, seccomp) before it returns into Python. The launcher (sandbox/launcher) does the same
// for one program of another kind, by the same functions. Plain C values only.

namespace gradus::cage {

// Descriptors of the warm interpreter; 0, 1 and 2 are /dev/null.
inline constexpr int kControlFd = 3;  // SOCK_SEQPACKET to the supervisor.
inline constexpr int kSetupFd = 4;    // A Setup, then the filters.
inline constexpr int kLibraryFd = 5;  // This library.

// Descriptors of a job, the same in every mode, out of the way of what a program opens itself.
inline constexpr int kProgramFd = 3;  // Its program, until it has been read.
inline constexpr int kResultFd = 62, kKeptControlFd = 63;
inline constexpr int kOpenFiles = 64;

// Index: 2 * (Landlock confines writes) + (a job may be kept; of a program: it has own PIDs).
inline constexpr int kFilters = 4;
inline constexpr int kGroupFiles = 2;

// Stands in the filters for "this process", known only in the child.
inline constexpr std::uint32_t kSelfPid = 0x5E1F91D0;

struct Setup {
  std::uint32_t size = sizeof(Setup);
  std::uint32_t levels = 0;  // Bit n: level n may be used; the highest that works is.
  std::uint32_t uid = 0;     // Of the jobs, when the supervisor is root.
  std::uint32_t tasks = 0;   // Limit of processes and threads.
  std::uint64_t magic =
      0;  // Sixth argument of the calls that only the cage may make in a kept job.
  std::uint32_t open_files = kOpenFiles;  // Limit of descriptors of a process.
  std::uint32_t may_execute = 0;          // 1: programs of the readable folders may be started.
  std::uint64_t memory_bytes = 0;         // Address space of a process that the launcher starts.
  std::uint32_t filter_at[kFilters] = {}, filter_instructions[kFilters] = {};
  char group_files[kGroupFiles][512] = {};  // cgroup.procs to join for L3; "" when there is none.
};

// Supervisor to server: a job with its descriptors (program, stdout, result[, control]), or a kill.
struct Request {
  char kind = 'J';        // 'J' or 'K'.
  std::uint8_t keep = 0;  // The job, when it ended well, stays and serves in its turn.
  std::uint8_t padding[6] = {};
  std::uint64_t id = 0;
  char nonce[16] = {};
  std::uint64_t memory_bytes = 0;  // Address space beyond the warm interpreter's own.
  std::uint32_t cpu_s = 0;
  std::uint32_t program_bytes = 0;
};

// Server to supervisor, when a job's process has ended.
struct Ended {
  char kind = 'X';
  std::uint8_t padding[3] = {};
  std::int32_t status = 0;  // As from wait4.
  std::uint64_t id = 0;
  std::uint64_t cpu_us = 0;
};

}  // namespace gradus::cage
