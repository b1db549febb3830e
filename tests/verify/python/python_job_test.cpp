#include "verify/python/python_job.h"

#include <doctest/doctest.h>

#include <csignal>

#include "schemas/base/bytes.h"

using namespace gradus;

namespace {

const Nonce kNonce = {'n', 'o', 'n', 'c', 'e'};
constexpr ExecLimits kLimits{10, 8, 256, 1};

std::string Frame(const Nonce& nonce, int status, std::string_view error, std::string_view value) {
  ByteWriter writer;
  writer.Put(nonce).Put<std::uint8_t>(static_cast<std::uint8_t>(status)).Put<std::uint8_t>(1);
  writer.Put<std::int32_t>(2);
  writer.Put(static_cast<std::uint32_t>(error.size()));
  writer.Put(static_cast<std::uint32_t>(value.size()));
  return writer.Take() + std::string(error) + std::string(value);
}

Outcome Judge(const ChildEnd& end, const std::string& frame, const std::string& output = "") {
  return JudgeJob(end, output, frame, kNonce, kLimits).outcome;
}

}  // namespace

TEST_CASE("A whole frame with the nonce is believed") {
  const auto result = JudgeJob({}, "out", Frame(kNonce, 1, "E: m", "v"), kNonce, kLimits);
  CHECK(result.outcome == Outcome::kException);
  CHECK(result.error == "E: m");
  CHECK(result.error_step == 2);
  CHECK(result.value == "v");
  CHECK(result.output == "out");
}

TEST_CASE("Any other bytes in the result pipe are a violation") {
  const std::string frame = Frame(kNonce, 0, "", "v");
  CHECK(Judge({}, frame) == Outcome::kOk);
  CHECK(Judge({}, frame + frame) == Outcome::kProtocolViolation);
  CHECK(Judge({}, "x" + frame) == Outcome::kProtocolViolation);
  CHECK(Judge({}, Frame({'x'}, 0, "", "v")) == Outcome::kProtocolViolation);
  CHECK(Judge({}, Frame(kNonce, 9, "", "v")) == Outcome::kProtocolViolation);
  for (std::size_t size = 1; size < frame.size(); ++size) {
    CHECK(Judge({}, frame.substr(0, size)) == Outcome::kProtocolViolation);
  }
  CHECK(Judge({}, "") == Outcome::kNoResult);
}

TEST_CASE("The kernel's word counts more than the frame") {
  const std::string frame = Frame(kNonce, 0, "", "v");
  CHECK(Judge({.status = SIGSEGV}, frame) == Outcome::kSignal);
  CHECK(Judge({.status = SIGKILL}, frame) == Outcome::kKilledUnknown);
  CHECK(Judge({.status = SIGKILL, .cpu_s = 9}, frame) == Outcome::kCpuTimeout);
  CHECK(Judge({.status = SIGXCPU}, frame) == Outcome::kCpuTimeout);
  CHECK(Judge({.status = SIGKILL, .killed = KillReason::kWall}, frame) == Outcome::kWallTimeout);
  CHECK(Judge({.status = SIGKILL, .killed = KillReason::kOutput}, frame) == Outcome::kOutputLimit);
}

TEST_CASE(
    "A kill short of the CPU limit by the error of the kernel's clock is the limit, others are "
    "not") {
  const std::string frame = Frame(kNonce, 0, "", "v");
  const auto judge = [&](double cpu_s, double limit_s, bool out_of_memory = false) {
    ExecLimits limits = kLimits;
    limits.cpu_s = limit_s;
    ChildEnd end{.status = SIGKILL, .cpu_s = cpu_s};
    end.out_of_memory = out_of_memory;
    return JudgeJob(end, "", frame, kNonce, limits).outcome;
  };
  CHECK(judge(1.90, 2) == Outcome::kCpuTimeout);  // As seen with four programs on one core.
  CHECK(judge(1.70, 1.5) == Outcome::kCpuTimeout);
  CHECK(judge(1.00, 2) == Outcome::kKilledUnknown);
  CHECK(judge(8.5, 10) == Outcome::kKilledUnknown);
  CHECK(judge(2.00, 2, true) == Outcome::kOomKill);
  // A step forked from a state that had used three of eight seconds.
  const ChildEnd step{.status = SIGKILL, .cpu_s = 4.9, .cpu_before_s = 3.0};
  CHECK(JudgeJob(step, "", frame, kNonce, kLimits).outcome == Outcome::kCpuTimeout);
}

TEST_CASE("Output and value are cut at the cap") {
  const auto result =
      JudgeJob({}, std::string(1025, 'x'), Frame(kNonce, 0, "", ""), kNonce, kLimits);
  CHECK(result.outcome == Outcome::kOutputLimit);
  CHECK(result.output.size() == 1024);
  CHECK(Judge({}, Frame(kNonce, 0, "", std::string(1025, 'v'))) == Outcome::kOutputLimit);
  CHECK(Judge({}, Frame(kNonce, 0, "", ""), std::string(1024, 'x')) == Outcome::kOk);
}
