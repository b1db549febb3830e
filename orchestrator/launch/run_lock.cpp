#include "orchestrator/launch/run_lock.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/host.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

using nlohmann::json;

// Field 22 of /proc/PID/stat: tells a process from a later one with the same number. "" when there
// is none.
std::string StartTicks(long pid) {
  const fs::path stat = fmt::format("/proc/{}/stat", pid);
  if (!fs::exists(stat)) return "";
  const std::string text = ReadFile(stat);
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = text.find(' ', at + 1);
  if (at == std::string::npos) return "";
  return text.substr(at + 1, text.find(' ', at + 1) - at - 1);
}

// A killed process keeps its number for a while, or for good where nobody reaps it (a container
// without an init); its pidfd is readable from the moment it ended. The wait is for a coordinator
// whose mpirun was killed and that is about to follow.
bool HolderIsGone(const json& holder, std::chrono::milliseconds patience) {
  if (holder.value("host", "") != HostName()) return false;
  const long pid = holder.value("pid", 0L);
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process && errno == ESRCH) return true;
  if (StartTicks(pid) != holder.value("start_ticks", std::string("?"))) return true;
  if (!process) return false;  // Before Linux 5.3: alive, as far as can be seen.
  pollfd ended{process.get(), POLLIN, 0};
  return ::poll(&ended, 1, static_cast<int>(patience.count())) > 0;
}

bool Create(const fs::path& file, const std::string& text) {
  Fd fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd) {
    if (errno == EEXIST) return false;
    Fail("{}: cannot create the lock: {}; is the run directory writable?", file.string(),
         std::strerror(errno));
  }
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    Fail("{}: cannot write the lock: {}", file.string(), std::strerror(errno));
  }
  return true;
}

}  // namespace

RunLock::RunLock(fs::path file, Takeover takeover, std::chrono::milliseconds patience)
    : file_(std::move(file)) {
  const long pid = ::getpid();
  const std::string mine = json{{"host", HostName()},
                                {"pid", pid},
                                {"start_ticks", StartTicks(pid)},
                                {"unix_s", WallSeconds()}}
                               .dump() +
                           "\n";
  if (Create(file_, mine)) return;
  const json holder = json::parse(ReadFile(file_), nullptr, false);
  const bool readable = holder.is_object();
  if (takeover == Takeover::kOnlyIfGone && readable && !HolderIsGone(holder, patience)) {
    Fail("{}: in use by process {} on {}; wait for it, or pass --steal-lock if it is surely gone",
         file_.parent_path().string(), holder.value("pid", 0L), holder.value("host", "?"));
  }
  fs::remove(file_);
  if (!Create(file_, mine)) Fail("{}: another process took the lock just now", file_.string());
}

RunLock::~RunLock() {
  std::error_code ignored;
  fs::remove(file_, ignored);
}

}  // namespace gradus
