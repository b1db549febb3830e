#include "orchestrator/launch/run_lock.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"

using namespace gradus;

namespace {

using Takeover = RunLock::Takeover;

// A child that takes the lock, writes one byte to `ready` and then waits for `end` to close.
struct Holder {
  explicit Holder(const std::filesystem::path& lock) {
    int ready[2], end[2];
    REQUIRE(::pipe(ready) == 0);
    REQUIRE(::pipe(end) == 0);
    pid = ::fork();
    if (pid == 0) {
      ::close(end[1]);
      RunLock held(lock, Takeover::kOnlyIfGone);
      char byte = 1;
      (void)!::write(ready[1], &byte, 1);
      (void)!::read(end[0], &byte, 1);
      ::_exit(0);  // Like a kill: the lock stays behind.
    }
    ::close(ready[1]);
    ::close(end[0]);
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    stop = end[1];
  }
  void End() { ::close(std::exchange(stop, -1)); }
  void WaitUntilEnded(int flags) const {
    siginfo_t info;
    REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | flags) == 0);
  }
  pid_t pid = -1;
  int stop = -1;
};

}  // namespace

TEST_CASE("a run in use is refused, naming the holder") {
  TempFolder folder;
  Holder holder(folder.path() / "LOCK");
  try {
    RunLock second(folder.path() / "LOCK", Takeover::kOnlyIfGone, std::chrono::milliseconds(0));
    FAIL("two holders");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("process " + std::to_string(holder.pid)) !=
          std::string::npos);
  }
  holder.End();
  holder.WaitUntilEnded(0);
}

TEST_CASE("the lock of a killed process is taken over, also before anyone has reaped it") {
  TempFolder folder;
  Holder holder(folder.path() / "LOCK");
  holder.End();
  holder.WaitUntilEnded(WNOWAIT);
  { RunLock second(folder.path() / "LOCK", Takeover::kOnlyIfGone, std::chrono::milliseconds(0)); }
  CHECK_FALSE(std::filesystem::exists(folder.path() / "LOCK"));
  holder.WaitUntilEnded(0);
}

TEST_CASE("a holder that is about to end is waited for") {
  TempFolder folder;
  Holder holder(folder.path() / "LOCK");
  holder.End();
  CHECK_NOTHROW(RunLock(folder.path() / "LOCK", Takeover::kOnlyIfGone, std::chrono::seconds(60)));
  holder.WaitUntilEnded(0);
}

TEST_CASE("a lock of another host is never taken over unasked") {
  TempFolder folder;
  WriteFileAtomically(folder.path() / "LOCK", R"({"host":"elsewhere","pid":1,"start_ticks":"1"})");
  CHECK_THROWS_AS(RunLock(folder.path() / "LOCK", Takeover::kOnlyIfGone), Error);
  CHECK_NOTHROW(RunLock(folder.path() / "LOCK", Takeover::kSteal));
}
