#include "verify/python/python_job.h"

#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>

#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/utf8.h"

namespace gradus {
namespace {

// Status byte of a frame, as in zygote.py.
enum class FrameStatus : std::uint8_t {
  kOk = 0,
  kException = 1,
  kExitCall = 2,
  kMemory = 3,
  kSandbox = 4,  // The cage could not confine the process, which then ran nothing.
  kRerun = 5,
  kSignal = 6,  // The step holds its number.
};

struct Frame {
  Outcome outcome = Outcome::kOk;
  int step = -1;
  std::string error;
  std::optional<std::string> value;
};

std::optional<Outcome> OutcomeOf(std::uint8_t status) {
  switch (static_cast<FrameStatus>(status)) {
    case FrameStatus::kOk:
      return Outcome::kOk;
    case FrameStatus::kException:
      return Outcome::kException;
    case FrameStatus::kExitCall:
      return Outcome::kExitCall;
    case FrameStatus::kMemory:
      return Outcome::kMemoryLimit;
    case FrameStatus::kSignal:
      return Outcome::kSignal;
    case FrameStatus::kSandbox:
    case FrameStatus::kRerun:
      return Outcome::kSandboxError;
  }
  return std::nullopt;
}

std::optional<Frame> ParseFrame(std::string_view bytes, const Nonce& nonce) try {
  ByteReader reader(bytes);
  if (reader.Get<Nonce>() != nonce) return std::nullopt;
  const auto outcome = OutcomeOf(reader.Get<std::uint8_t>());
  const auto has_value = reader.Get<std::uint8_t>();
  Frame frame;
  frame.step = reader.Get<std::int32_t>();
  const auto error_size = reader.Get<std::uint32_t>();
  const auto value_size = reader.Get<std::uint32_t>();
  constexpr std::size_t kHead = sizeof(Nonce) + 2 + 3 * 4;
  if (!outcome || bytes.size() - kHead != std::size_t{error_size} + value_size) return std::nullopt;
  frame.outcome = *outcome;
  frame.error = ValidUtf8(bytes.substr(kHead, error_size));
  if (has_value) frame.value = ValidUtf8(bytes.substr(kHead + error_size));
  return frame;
} catch (const Error&) {
  return std::nullopt;
}

// Whether a kill that nobody here ordered was the CPU limit. For the limit the kernel charges each
// whole tick to whoever runs when it ends, so on a busy machine it is off by a random walk: with
// ticks of 10 ms by a tenth of the root of the time, here four times that. `end.cpu_s` is exact.
bool CpuSpent(const ChildEnd& end, const ExecLimits& limits) {
  const double limit = std::ceil(limits.cpu_s);
  return end.cpu_before_s + end.cpu_s >= limit - 0.4 * std::sqrt(limit);
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
  } else if (signal == SIGXCPU || (signal == SIGKILL && CpuSpent(end, limits))) {
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

void JudgeExit(const ChildEnd& end, std::string_view bytes, const Nonce& nonce,
               ExecResult& result) {
  if (bytes.empty()) {
    result.outcome = Outcome::kNoResult;
    result.error =
        fmt::format("process ended with code {} before the program did", WEXITSTATUS(end.status));
    return;
  }
  auto frame = ParseFrame(bytes, nonce);
  if (!frame) {
    result.outcome = Outcome::kProtocolViolation;
    result.error = "the program wrote to the result pipe";
    return;
  }
  result.outcome = frame->outcome;
  result.error = std::move(frame->error);
  result.error_step = frame->step;
  if (result.outcome == Outcome::kSignal) {
    result.error = SignalText(frame->step);
    result.error_step = -1;
  }
  result.value = std::move(frame->value);
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

cage::Request MakeRequest(std::uint64_t id, const Nonce& nonce, std::size_t program_bytes,
                          const ExecLimits& limits, double cpu_spent_s) {
  cage::Request request;
  request.id = id;
  std::copy(nonce.begin(), nonce.end(), request.nonce);
  request.memory_bytes = static_cast<std::uint64_t>(limits.mem_mb) << 20;
  request.cpu_s = static_cast<std::uint32_t>(std::max(1.0, std::ceil(limits.cpu_s - cpu_spent_s)));
  request.program_bytes = static_cast<std::uint32_t>(program_bytes);
  return request;
}

bool AsksForRerun(std::string_view frame, const Nonce& nonce) {
  return ParseFrame(frame, nonce) && frame[sizeof(Nonce)] == static_cast<char>(FrameStatus::kRerun);
}

std::size_t OutputCap(const ExecLimits& limits) {
  return static_cast<std::size_t>(limits.out_kb) << 10;
}

ExecResult JudgeJob(const ChildEnd& end, std::string output, std::string_view frame,
                    const Nonce& nonce, const ExecLimits& limits) {
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
    JudgeExit(end, frame, nonce, result);
  }
  if (result.value && result.value->size() > cap) {
    result.value.reset();
    result.outcome = Outcome::kOutputLimit;
    result.error = fmt::format("value of more than {} KiB", limits.out_kb);
  }
  return result;
}

}  // namespace gradus
