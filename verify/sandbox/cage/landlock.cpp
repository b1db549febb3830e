#include "verify/sandbox/cage/landlock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace gradus::cage {
namespace {

// From the kernel's interface: the headers of a build machine may be older than its users' kernels.
constexpr int kCreateRuleSet = 444, kAddRule = 445, kRestrictSelf = 446;
constexpr unsigned kVersionFlag = 1;
constexpr int kPathBeneath = 1;
constexpr std::uint64_t kExecute = 1u << 0;
constexpr std::uint64_t kWriteFile = 1u << 1, kReadFile = 1u << 2, kReadFolder = 1u << 3;
constexpr std::uint64_t kTruncate = 1u << 14;

struct RuleSet {
  std::uint64_t files, net, scoped;
};
struct __attribute__((packed)) PathRule {
  std::uint64_t allowed;
  std::int32_t parent;
};

// All file rights that version `abi` of the interface knows.
std::uint64_t FileRights(long abi) {
  const int bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi >= 2 ? 14 : 13;
  return (1u << bits) - 1;
}

bool Allow(int rule_set, const char* path, std::uint64_t rights) {
  PathRule rule{rights, ::open(path, O_PATH | O_CLOEXEC)};
  if (rule.parent < 0) return true;  // A dangling link: nothing to allow.
  struct stat info {};
  const bool folder = ::fstat(rule.parent, &info) == 0 && S_ISDIR(info.st_mode);
  if (!folder) rule.allowed &= ~kReadFolder;
  const bool done = ::syscall(kAddRule, rule_set, kPathBeneath, &rule, 0) == 0;
  ::close(rule.parent);
  return done;
}

}  // namespace

int MakeRuleSet(const Roots& roots, bool may_execute) {
  const long abi = ::syscall(kCreateRuleSet, nullptr, 0, kVersionFlag);
  if (abi < 1) return -1;
  const RuleSet handled{FileRights(abi), abi >= 4 ? 3u : 0u, abi >= 6 ? 3u : 0u};
  // Older kernels refuse a structure with fields they do not know.
  const std::size_t size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
  const int rule_set = static_cast<int>(::syscall(kCreateRuleSet, &handled, size, 0));
  if (rule_set < 0) return -1;
  bool done = Allow(rule_set, "/dev/null", (kReadFile | kWriteFile | kTruncate) & handled.files);
  const std::uint64_t reading = kReadFile | kReadFolder | (may_execute ? kExecute : 0);
  for (int i = 0; i < roots.count(); ++i) {
    done = Allow(rule_set, roots.path(i), reading) && done;
  }
  if (done) return rule_set;
  ::close(rule_set);
  return -1;
}

bool EnterRuleSet(int rule_set) { return ::syscall(kRestrictSelf, rule_set, 0) == 0; }

}  // namespace gradus::cage
