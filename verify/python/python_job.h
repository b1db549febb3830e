#pragma once
#include <array>
#include <string>
#include <string_view>

#include "verify/python/python_executor.h"
#include "verify/sandbox/cage/cage.h"

namespace gradus {

// What passes between supervisor and child for one job (the other end is zygote.py), and the
// judgement of how the job ended. Values only: no processes here.

using Nonce = std::array<char, 16>;

// Why the supervisor ended the child, if it did.
enum class KillReason { kNone, kWall, kOutput };

// Facts that the kernel and the supervisor's clocks know of an ended child.
struct ChildEnd {
  int status = 0;  // As from wait4.
  double cpu_s = 0, wall_s = 0;
  KillReason killed = KillReason::kNone;
  bool out_of_memory = false;  // The kernel ended it, by its control group's count.
  double cpu_before_s = 0;  // Of the same limit, used by the kept process that it was forked from.
};

// Steps and allowed steps: two lists of u32 count, then u32 length + bytes each.
std::string EncodeProgram(const Program& program);

// The request for a process that runs such a program. `cpu_spent_s` of its limit is used up
// already.
cage::Request MakeRequest(std::uint64_t id, const Nonce& nonce, std::size_t program_bytes,
                          const ExecLimits& limits, double cpu_spent_s);

// The result from the child's end, its stdout (at most one byte over the cap) and what it wrote to
// the result pipe. The child may have written anything: only one whole frame with the nonce counts.
ExecResult JudgeJob(const ChildEnd& end, std::string output, std::string_view frame,
                    const Nonce& nonce, const ExecLimits& limits);

// Whether the frame says that the steps cannot be run apart from those before them.
bool AsksForRerun(std::string_view frame, const Nonce& nonce);

// Bytes of stdout that are kept.
std::size_t OutputCap(const ExecLimits& limits);

// Largest result frame that is read; what exceeds it is a violation.
inline constexpr std::size_t kFrameCap = 8u << 20;

}  // namespace gradus
