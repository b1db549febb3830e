// Real control groups, of whichever version this machine lets us make.
#include "verify/sandbox/slot_cgroup.h"

#include <doctest/doctest.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

namespace fs = std::filesystem;

namespace gradus {
namespace {

// A group, or nothing and the line that the test was skipped.
std::optional<SlotCgroup> MakeOrSkip() {
  std::string why;
  std::optional<SlotCgroup> group = SlotCgroup::Make(why);
  if (!group) MESSAGE("skipped: no control group can be made here: ", why);
  return group;
}

fs::path FolderOf(const fs::path& join) { return join.parent_path(); }

std::string Text(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return text.str();
}

// The value of whichever of these files the group has.
long long Limit(const SlotCgroup& group, std::initializer_list<const char*> names) {
  for (const fs::path& join : group.joins()) {
    for (const char* name : names) {
      const fs::path file = FolderOf(join) / name;
      if (fs::exists(file)) return std::stoll(Text(file));
    }
  }
  return -1;
}
long long MemoryLimit(const SlotCgroup& group) {
  return Limit(group, {"memory.max", "memory.limit_in_bytes"});
}

// Runs `body` in a child that has joined the group; what waitpid says of its end. A child that
// could not join leaves with 99.
int RunInside(const SlotCgroup& group, const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    for (const fs::path& join : group.joins()) {
      std::ofstream file(join);
      if (!(file << "0" << std::flush)) ::_exit(99);
    }
    ::_exit(body());
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

bool Exited(int status, int code) { return WIFEXITED(status) && WEXITSTATUS(status) == code; }

int TouchMemory(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return 1;
  std::memset(memory, 1, bytes);
  return 0;
}

}  // namespace

TEST_CASE("A group holds the processes that join it, and is removed with its object" *
          doctest::test_suite("needs cgroup")) {
  std::optional<SlotCgroup> group = MakeOrSkip();
  if (!group) return;
  const std::vector<fs::path> joins = group->joins();
  REQUIRE_FALSE(joins.empty());
  const std::string name = FolderOf(joins[0]).filename().string();
  const int inside = RunInside(*group, [&] {
    // Each hierarchy of /proc/self/cgroup that counts ends in the group's name.
    std::istringstream lines(Text("/proc/self/cgroup"));
    std::size_t found = 0;
    for (std::string line; std::getline(lines, line);) found += line.ends_with("/" + name);
    return found == joins.size() ? 0 : 1;
  });
  CHECK(Exited(inside, 0));
  CHECK(group->oom_kills() == 0);
  group.reset();
  for (const fs::path& join : joins) CHECK_FALSE(fs::exists(FolderOf(join)));
}

TEST_CASE("Two groups are two, and one that was moved from removes nothing" *
          doctest::test_suite("needs cgroup")) {
  std::optional<SlotCgroup> first = MakeOrSkip();
  if (!first) return;
  const std::optional<SlotCgroup> second = MakeOrSkip();
  REQUIRE(second);
  CHECK(first->joins() != second->joins());
  const std::vector<fs::path> joins = first->joins();
  const SlotCgroup kept = std::move(*first);
  first.reset();
  REQUIRE(kept.joins() == joins);
  for (const fs::path& join : joins) CHECK(fs::exists(join));
}

TEST_CASE("More memory than allowed ends the process, by the kernel, and is counted" *
          doctest::test_suite("needs cgroup")) {
  std::optional<SlotCgroup> group = MakeOrSkip();
  if (!group) return;
  group->Allow(32);
  CHECK(Exited(RunInside(*group, [] { return TouchMemory(8 << 20); }), 0));
  CHECK(group->oom_kills() == 0);
  const int greedy = RunInside(*group, [] { return TouchMemory(std::size_t{256} << 20); });
  CHECK(WIFSIGNALED(greedy));
  CHECK(WTERMSIG(greedy) == SIGKILL);
  CHECK(group->oom_kills() == 1);
  group->Allow(512);
  CHECK(Exited(RunInside(*group, [] { return TouchMemory(std::size_t{256} << 20); }), 0));
  CHECK(group->oom_kills() == 1);
}

TEST_CASE("The memory limit only rises" * doctest::test_suite("needs cgroup")) {
  std::optional<SlotCgroup> group = MakeOrSkip();
  if (!group) return;
  for (const auto& [asked, limit] : {std::pair{64, 64}, {16, 64}, {65, 65}, {0, 65}, {-5, 65}}) {
    group->Allow(asked);
    CHECK(MemoryLimit(*group) == static_cast<long long>(limit) << 20);
  }
}

TEST_CASE("A storm of forks stops at the group's number of tasks" *
          doctest::test_suite("needs cgroup")) {
  std::optional<SlotCgroup> group = MakeOrSkip();
  if (!group) return;
  const long long limit = Limit(*group, {"pids.max"});
  REQUIRE(limit == 512);
  const int storm = RunInside(*group, [&] {
    int made = 0;
    std::vector<pid_t> children;
    for (; made <= limit; ++made) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::pause();
        ::_exit(0);
      }
      if (child < 0) break;
      children.push_back(child);
    }
    const bool refused = errno == EAGAIN && made == limit - 1;  // One is the parent's own.
    for (const pid_t child : children) ::kill(child, SIGKILL);
    while (::wait(nullptr) > 0) {
    }
    return refused ? 0 : 1;
  });
  CHECK(Exited(storm, 0));
}

TEST_CASE("Groups of the dead are swept up, those of the living are not" *
          doctest::test_suite("needs cgroup")) {
  const std::optional<SlotCgroup> group = MakeOrSkip();
  if (!group) return;
  const pid_t gone = ::fork();
  if (gone == 0) ::_exit(0);
  REQUIRE(::waitpid(gone, nullptr, 0) == gone);
  for (const fs::path& join : group->joins()) {
    const fs::path parent = FolderOf(join).parent_path();
    const fs::path dead = parent / ("gradus-" + std::to_string(gone) + "-0");
    const fs::path living = parent / ("gradus-" + std::to_string(::getppid()) + "-99");
    const fs::path foreign = parent / "gradus-x";
    for (const fs::path& folder : {dead, living, foreign}) {
      REQUIRE(fs::create_directory(folder));
    }
    std::string why;
    CHECK(SlotCgroup::Make(why));
    CHECK_FALSE(fs::exists(dead));
    CHECK(fs::exists(living));
    CHECK(fs::exists(foreign));
    for (const fs::path& folder : {living, foreign}) ::rmdir(folder.c_str());
  }
}

TEST_CASE("Who may make no group is told why") {
  const pid_t child = ::fork();
  if (child == 0) {
    // Root may make one nearly everywhere; nobody else's.
    constexpr uid_t kNobody = 65534;
    const bool dropped = ::geteuid() != 0 || (::setgroups(0, nullptr) == 0 &&
                                              ::setgid(kNobody) == 0 && ::setuid(kNobody) == 0);
    std::string why;
    const bool made = SlotCgroup::Make(why).has_value();
    ::_exit(!dropped ? 2 : made != why.empty() ? 1 : 0);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(Exited(status, 0));
}

}  // namespace gradus
