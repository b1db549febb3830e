#pragma once
#include <optional>
#include <string>

#include "schemas/base/file.h"
#include "verify/python/python_executor.h"
#include "verify/sandbox/cage/cage.h"

namespace gradus {

// What passes between supervisor and child for one job (the other end is the cage), and the
// judgement of how the job ended.

// Why the supervisor ended the child, if it did.
enum class KillReason { kNone, kWall, kOutput };

// Facts that the kernel and the supervisor's clocks know of an ended child.
struct ChildEnd {
  int status = 0;  // As from wait4.
  double cpu_s = 0, wall_s = 0;
  KillReason killed = KillReason::kNone;
  bool out_of_memory = false;  // The kernel ended it, by its control group's count.
};

// What the child told of its end, as cage::ReportHead: not believed but where it can only harm
// itself.
struct Told {
  cage::ReportHead head;
  std::string error;
  std::string value;  // Empty where it is too long.
};

// Memory in which the jobs of a slot, one after the other, tell of their end.
class ReportMemory {
 public:
  // Throws Error.
  ReportMemory();
  const Fd& file() const { return file_; }
  // Before each job.
  void Clear();
  // When the job's process is gone; nothing when it did not come to its end.
  std::optional<Told> Read(std::size_t most_value_bytes) const;

 private:
  Fd file_;
};

// Steps and allowed steps: two lists of u32 count, then u32 length + bytes each.
std::string EncodeProgram(const Program& program);

// The request for a process that runs such a program.
cage::Request MakeRequest(std::uint64_t id, std::size_t program_bytes, const ExecLimits& limits);

// The result from the child's end, its stdout (at most one byte over the cap) and what it told.
ExecResult JudgeJob(const ChildEnd& end, std::string output, std::optional<Told> told,
                    const ExecLimits& limits);

// Bytes of stdout, or of the value, that are kept.
std::size_t OutputCap(const ExecLimits& limits);

}  // namespace gradus
