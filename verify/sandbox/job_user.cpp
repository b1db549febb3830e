#include "verify/sandbox/job_user.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <string>

#include "schemas/base/error.h"

namespace gradus {
namespace {

struct Range {
  std::uint32_t first, count;
};
// No user of a distribution, of systemd or of its containers has these numbers.
constexpr Range kRanges[] = {{65520, 14}, {1'900'000'000, 4096}};

// Whether this user name space knows the whole range.
bool IsMapped(const Range& range) {
  std::ifstream map("/proc/self/uid_map");
  for (std::uint64_t inside, outside, count; map >> inside >> outside >> count;) {
    if (inside <= range.first && range.first + range.count <= inside + count) return true;
  }
  return false;
}

// Empty when somebody has it.
Fd Claim(std::uint32_t uid) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) Fail("cannot make a socket: {}", std::strerror(errno));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = fmt::format("gradus-job-user-{}", uid);
  std::memcpy(name.sun_path + 1, text.data(), text.size());  // Behind a zero: in no folder.
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), size) == 0) return socket;
  if (errno != EADDRINUSE) Fail("cannot claim a user for programs: {}", std::strerror(errno));
  return {};
}

}  // namespace

JobUser::JobUser() {
  if (::geteuid() != 0) return;
  for (const Range& range : kRanges) {
    if (!IsMapped(range)) continue;
    for (std::uint32_t uid = range.first; uid < range.first + range.count; ++uid) {
      if (!(claim_ = Claim(uid))) continue;
      uid_ = uid;
      return;
    }
  }
  Fail("no user is left for programs to run as: {} slots run on this host already",
       kRanges[0].count + kRanges[1].count);
}

}  // namespace gradus
