#include "verify/sandbox/confined_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "schemas/base/error.h"
#include "verify/sandbox/cage_setup.h"
#include "verify/sandbox/images.h"
#include "verify/sandbox/memory_file.h"
#include "verify/sandbox/seccomp_filter.h"

namespace gradus {
namespace {

constexpr int kStartMs = 30'000;
constexpr int kFarewellMs = 200;
constexpr std::uint32_t kOpenFiles = 256;
// Programs and libraries of the system. Links before their targets.
constexpr const char* kSystem[] = {"/lib",
                                   "/lib64",
                                   "/bin",
                                   "/usr",
                                   "/etc/alternatives",
                                   "/etc/ld.so.cache",
                                   "/etc/localtime",
                                   "/dev/null",
                                   "/dev/zero",
                                   "/dev/random",
                                   "/dev/urandom"};

struct Ends {
  Fd ours, theirs;
};

Ends SocketPair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0) {
    Fail("cannot make a socket pair: {}", std::strerror(errno));
  }
  return {Fd(fds[0]), Fd(fds[1])};
}

Ends Pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) Fail("cannot make a pipe: {}", std::strerror(errno));
  return {Fd(fds[0]), Fd(fds[1])};
}

Fd SetupOf(const ConfinedOptions& options) {
  cage::Setup setup;
  setup.levels = options.levels;
  setup.uid = options.uid;
  setup.open_files = kOpenFiles;
  setup.may_execute = 1;
  setup.memory_bytes = static_cast<std::uint64_t>(options.mem_mb) << 20;
  std::array<std::string, cage::kFilters> filters;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const bool own_pids = i % 2 == 1;  // And with them a read-only root.
    filters[i] = MakeProgramFilter({i / 2 == 1 || own_pids, own_pids});
  }
  return MakeSetup(setup, options.group_files, filters);
}

std::string Readable(const ConfinedOptions& options) {
  std::string paths;
  for (const char* path : kSystem) paths += std::string(path) + '\n';
  for (const std::string& path : options.reads) paths += path + '\n';
  return paths;
}

// The launcher tells a program's fatal signal as a shell does.
std::string HowItEnded(int status) {
  int signal = 0;
  if (WIFSIGNALED(status)) signal = WTERMSIG(status);
  if (WIFEXITED(status) && WEXITSTATUS(status) > 128) signal = WEXITSTATUS(status) - 128;
  const char* name = signal > 0 ? ::sigabbrev_np(signal) : nullptr;
  if (name) return fmt::format("signal {} (SIG{})", signal, name);
  return fmt::format("exit status {}", WEXITSTATUS(status));
}

}  // namespace

ConfinedProcess::ConfinedProcess(const ConfinedOptions& options) {
  Require(!options.command.empty(), "a confined process needs a program");
  auto control = SocketPair(SOCK_SEQPACKET), input = SocketPair(SOCK_STREAM);
  auto output = Pipe(), errors = Pipe();
  const Fd setup = SetupOf(options);
  const Fd image = MemoryFile("gradus-launcher", LauncherImage());
  if (!image) Fail("cannot prepare a confined process: {}", std::strerror(errno));
  for (const Fd* fd : {&input.ours, &output.ours, &errors.ours}) {
    ::fcntl(fd->get(), F_SETFL, O_NONBLOCK);
  }
  ChildOptions child{fmt::format("/proc/self/fd/{}", cage::kLibraryFd),
                     {"gradus-launcher", Readable(options)},
                     CleanEnvironment(),
                     {input.theirs.get(), output.theirs.get(), errors.theirs.get(),
                      control.theirs.get(), setup.get(), image.get()}};
  child.arguments.insert(child.arguments.end(), options.command.begin(), options.command.end());
  control_ = std::move(control.ours);
  launcher_.emplace(child, control_);
  input_ = std::move(input.ours);
  output_ = std::move(output.ours);
  errors_ = std::move(errors.ours);
}

std::string ConfinedProcess::Await(int timeout_ms) {
  pollfd wait{control_.get(), POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&wait, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  char buffer[4096];
  const ssize_t size = ready > 0 ? ::recv(control_.get(), buffer, sizeof buffer, 0) : -1;
  return size > 0 ? std::string(buffer, static_cast<std::size_t>(size)) : "";
}

Isolation ConfinedProcess::WaitUntilConfined() {
  const std::string message = Await(kStartMs);
  if (message.size() < 3 || message[0] != 'R') {
    Fail("no isolation: {}", message.empty() ? "the launcher did not start" : message.substr(1));
  }
  return {message[1] - '0', message[2] == '1', message.substr(3)};
}

std::optional<ProcessEnd> ConfinedProcess::AwaitEnd(int timeout_ms) {
  std::string failure;
  for (std::string message; !(message = Await(timeout_ms)).empty();) {
    cage::Ended ended;
    if (message[0] == 'E') failure = message.substr(1);
    if (message[0] != ended.kind || message.size() != sizeof ended) continue;
    std::memcpy(&ended, message.data(), sizeof ended);
    return ProcessEnd{failure.empty() ? HowItEnded(ended.status) : failure,
                      static_cast<double>(ended.cpu_us) * 1e-6};
  }
  if (failure.empty()) return std::nullopt;
  return ProcessEnd{failure, 0};
}

ProcessEnd ConfinedProcess::End(int patience_ms) {
  std::optional<ProcessEnd> end;
  if (patience_ms > 0) end = AwaitEnd(patience_ms);
  if (!end) {
    ::shutdown(control_.get(), SHUT_WR);
    end = AwaitEnd(kFarewellMs);
  }
  launcher_.reset();
  return end.value_or(ProcessEnd{"not ended", 0});
}

}  // namespace gradus
