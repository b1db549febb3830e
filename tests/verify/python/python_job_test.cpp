#include "verify/python/python_job.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

using namespace gradus;

namespace {

constexpr ExecLimits kLimits{10, 8, 256, 1};

// What a child would tell.
Told Tells(cage::Status status, std::string error, std::string value) {
  Told told;
  told.head.told = 1;
  told.head.status = status;
  told.head.step = 2;
  told.head.has_value = 1;
  told.head.error_size = error.size();
  told.head.value_size = value.size();
  told.error = std::move(error);
  told.value = std::move(value);
  return told;
}

Outcome Judge(const ChildEnd& end, std::optional<Told> told, const std::string& output = "") {
  return JudgeJob(end, output, std::move(told), kLimits).outcome;
}

void Write(const ReportMemory& memory, std::size_t at, const void* bytes, std::size_t size) {
  REQUIRE(::pwrite(memory.file().get(), bytes, size, static_cast<off_t>(at)) ==
          static_cast<ssize_t>(size));
}

}  // namespace

TEST_CASE("What a program that came to its end tells is its result") {
  const auto result = JudgeJob({}, "out", Tells(cage::Status::kException, "E: m", "v"), kLimits);
  CHECK(result.outcome == Outcome::kException);
  CHECK(result.error == "E: m");
  CHECK(result.error_step == 2);
  CHECK(result.value == "v");
  CHECK(result.output == "out");
  CHECK(Judge({}, std::nullopt) == Outcome::kNoResult);
}

TEST_CASE("A report that no runner writes is a violation") {
  CHECK(Judge({}, Tells(static_cast<cage::Status>(9), "", "v")) == Outcome::kProtocolViolation);
  Told told = Tells(cage::Status::kOk, "", "v");
  told.head.error_size = 1u << 30;
  CHECK(Judge({}, told) == Outcome::kProtocolViolation);
}

TEST_CASE("A report is read when it was told, in any bytes without harm") {
  ReportMemory memory;
  CHECK_FALSE(memory.Read(1024));
  cage::ReportHead head = Tells(cage::Status::kOk, "e", "value").head;
  Write(memory, cage::kErrorAt, "e", 1);
  Write(memory, cage::kValueAt, "value", 5);
  Write(memory, 0, &head, sizeof head);
  const auto told = memory.Read(1024);
  REQUIRE(told);
  CHECK(told->error == "e");
  CHECK(told->value == "value");
  CHECK(memory.Read(4)->value.empty());  // Longer than is wanted.
  head.value_size = ~0ull;
  head.error_size = ~0ull;
  Write(memory, 0, &head, sizeof head);
  CHECK(memory.Read(1024)->value.empty());
  CHECK(Judge({}, memory.Read(1024)) == Outcome::kProtocolViolation);
  memory.Clear();
  CHECK_FALSE(memory.Read(1024));
}

TEST_CASE("Memory that a report took is given back before the next one") {
  ReportMemory memory;
  const std::string much(8u << 20, 'x');
  Write(memory, cage::kValueAt, much.data(), much.size());
  memory.Clear();
  struct stat info {};
  REQUIRE(::fstat(memory.file().get(), &info) == 0);
  CHECK(info.st_blocks * 512 < 1 << 20);
  CHECK(static_cast<std::size_t>(info.st_size) == cage::kReportBytes);
}

TEST_CASE("The kernel's word counts more than the report") {
  const Told told = Tells(cage::Status::kOk, "", "v");
  CHECK(Judge({.status = SIGSEGV}, told) == Outcome::kSignal);
  CHECK(Judge({.status = SIGKILL}, told) == Outcome::kKilledUnknown);
  CHECK(Judge({.status = SIGKILL, .cpu_s = 9}, told) == Outcome::kCpuTimeout);
  CHECK(Judge({.status = SIGXCPU, .cpu_s = 9}, told) == Outcome::kSignal);  // Its own doing.
  CHECK(Judge({.status = SIGKILL, .killed = KillReason::kWall}, told) == Outcome::kWallTimeout);
  CHECK(Judge({.status = SIGKILL, .killed = KillReason::kOutput}, told) == Outcome::kOutputLimit);
}

TEST_CASE(
    "A kill short of the CPU limit by the error of the kernel's clock is the limit, others are "
    "not") {
  const auto judge = [&](double cpu_s, double limit_s, bool out_of_memory = false) {
    ExecLimits limits = kLimits;
    limits.cpu_s = limit_s;
    ChildEnd end{.status = SIGKILL, .cpu_s = cpu_s};
    end.out_of_memory = out_of_memory;
    return JudgeJob(end, "", Tells(cage::Status::kOk, "", "v"), limits).outcome;
  };
  CHECK(judge(1.90, 2) == Outcome::kCpuTimeout);  // As seen with four programs on one core.
  CHECK(judge(1.70, 1.5) == Outcome::kCpuTimeout);
  CHECK(judge(1.00, 2) == Outcome::kKilledUnknown);
  CHECK(judge(8.5, 10) == Outcome::kKilledUnknown);
  CHECK(judge(2.00, 2, true) == Outcome::kOomKill);
}

TEST_CASE("Output and value are cut at the cap") {
  const Told small = Tells(cage::Status::kOk, "", "");
  const auto result = JudgeJob({}, std::string(1025, 'x'), small, kLimits);
  CHECK(result.outcome == Outcome::kOutputLimit);
  CHECK(result.output.size() == 1024);
  CHECK(Judge({}, Tells(cage::Status::kOk, "", std::string(1025, 'v'))) == Outcome::kOutputLimit);
  CHECK(Judge({}, small, std::string(1024, 'x')) == Outcome::kOk);
}
