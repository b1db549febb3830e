#include "verify/python/python_job.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <csignal>
#include <cstring>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/utf8.h"

namespace gradus {
namespace {

std::optional<Outcome> OutcomeOf(cage::Status status) {
  switch (status) {
    case cage::Status::kOk:
      return Outcome::kOk;
    case cage::Status::kException:
      return Outcome::kException;
    case cage::Status::kExitCall:
      return Outcome::kExitCall;
    case cage::Status::kMemory:
      return Outcome::kMemoryLimit;
  }
  return std::nullopt;
}

// Whether a kill that nobody here ordered was the CPU limit. For the limit the kernel charges each
// whole tick to whoever runs when it ends, so on a busy machine it is off by a random walk: with
// ticks of 10 ms by a tenth of the root of the time, here four times that. `end.cpu_s` is exact.
bool CpuSpent(const ChildEnd& end, const ExecLimits& limits) {
  const double limit = std::ceil(limits.cpu_s);
  return end.cpu_s >= limit - 0.4 * std::sqrt(limit);
}

std::string SignalText(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return fmt::format("signal {} (SIG{})", signal, name ? name : "?");
}

void JudgeSignal(const ChildEnd& end, const ExecLimits& limits, ExecResult& result) {
  const int signal = WTERMSIG(end.status);
  if (signal == SIGKILL && end.out_of_memory) {
    result.outcome = Outcome::kOomKill;
    result.error = "ended by the kernel: out of memory";
  } else if (signal == SIGKILL && CpuSpent(end, limits)) {
    result.outcome = Outcome::kCpuTimeout;
    result.error = fmt::format("CPU limit of {} s reached", limits.cpu_s);
  } else if (signal == SIGKILL) {
    result.outcome = Outcome::kKilledUnknown;
    result.error = "killed, not by us (out of memory, or by itself)";
  } else {
    result.outcome = Outcome::kSignal;
    result.error = SignalText(signal);
  }
}

void JudgeExit(const ChildEnd& end, std::optional<Told> told, const ExecLimits& limits,
               ExecResult& result) {
  if (!told) {
    result.outcome = Outcome::kNoResult;
    result.error =
        fmt::format("process ended with code {} before the program did", WEXITSTATUS(end.status));
    return;
  }
  const auto outcome = OutcomeOf(told->head.status);
  if (!outcome || told->head.error_size > cage::kErrorBytes) {
    result.outcome = Outcome::kProtocolViolation;
    result.error = "the program wrote its own report";
    return;
  }
  result.outcome = *outcome;
  result.error = ValidUtf8(told->error);
  result.error_step = told->head.step;
  if (!told->head.has_value) return;
  result.value = ValidUtf8(told->value);
  if (told->head.value_size <= OutputCap(limits)) return;
  result.value.reset();
  result.outcome = Outcome::kOutputLimit;
  result.error = fmt::format("value of more than {} KiB", limits.out_kb);
}

}  // namespace

std::string EncodeProgram(const Program& program) {
  ByteWriter writer;
  for (const auto* list : {&program.steps, &program.allowed_steps}) {
    writer.Put(static_cast<std::uint32_t>(list->size()));
    for (const std::string& text : *list) writer.PutString(text);
  }
  return writer.Take();
}

cage::Request MakeRequest(std::uint64_t id, std::size_t program_bytes, const ExecLimits& limits) {
  cage::Request request;
  request.id = id;
  request.memory_bytes = static_cast<std::uint64_t>(limits.mem_mb) << 20;
  request.cpu_s = static_cast<std::uint32_t>(std::max(1.0, std::ceil(limits.cpu_s)));
  request.program_bytes = program_bytes;
  request.value_bytes = OutputCap(limits);
  return request;
}

ReportMemory::ReportMemory() : file_(::memfd_create("gradus-report", MFD_CLOEXEC)) {
  if (!file_ || ::ftruncate(file_.get(), cage::kReportBytes) != 0) {
    Fail("cannot make a report's memory: {}", std::strerror(errno));
  }
}

void ReportMemory::Clear() {
  // What a job has written counts as memory until it is given back.
  constexpr blkcnt_t kUsual = (1 << 20) / 512;
  struct stat info {};
  if (::fstat(file_.get(), &info) == 0 && info.st_blocks > kUsual) {
    ::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, cage::kReportBytes);
  }
  const cage::ReportHead nothing;
  if (::pwrite(file_.get(), &nothing, sizeof nothing, 0) != sizeof nothing) {
    Fail("cannot clear a report: {}", std::strerror(errno));
  }
}

std::optional<Told> ReportMemory::Read(std::size_t most_value_bytes) const {
  Told told;
  const auto read = [&](std::size_t at, void* bytes, std::size_t size) {
    return ::pread(file_.get(), bytes, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
  };
  if (!read(0, &told.head, sizeof told.head) || told.head.told == 0) return std::nullopt;
  if (told.head.error_size <= cage::kErrorBytes) told.error.resize(told.head.error_size);
  if (told.head.value_size <= std::min(most_value_bytes, cage::kMostValueBytes)) {
    told.value.resize(told.head.value_size);
  }
  if (!read(cage::kErrorAt, told.error.data(), told.error.size()) ||
      !read(cage::kValueAt, told.value.data(), told.value.size())) {
    return std::nullopt;
  }
  return told;
}

std::size_t OutputCap(const ExecLimits& limits) {
  return static_cast<std::size_t>(limits.out_kb) << 10;
}

ExecResult JudgeJob(const ChildEnd& end, std::string output, std::optional<Told> told,
                    const ExecLimits& limits) {
  ExecResult result;
  result.wall_s = end.wall_s;
  result.cpu_s = end.cpu_s;
  const std::size_t cap = OutputCap(limits);
  const bool flooded = output.size() > cap;
  if (flooded) output.resize(cap);
  result.output = ValidUtf8(output);
  if (flooded || end.killed == KillReason::kOutput) {
    result.outcome = Outcome::kOutputLimit;
    result.error = fmt::format("more than {} KiB of output", limits.out_kb);
  } else if (end.killed == KillReason::kWall) {
    result.outcome = Outcome::kWallTimeout;
    result.error = fmt::format("wall clock limit of {} s reached", limits.wall_s);
  } else if (WIFSIGNALED(end.status)) {
    JudgeSignal(end, limits, result);
  } else {
    JudgeExit(end, std::move(told), limits, result);
  }
  return result;
}

}  // namespace gradus
