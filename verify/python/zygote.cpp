#include "verify/python/zygote.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "schemas/base/error.h"
#include "verify/python/python_process.h"
#include "verify/sandbox/cage_setup.h"
#include "verify/sandbox/images.h"
#include "verify/sandbox/memory_file.h"
#include "verify/sandbox/seccomp_filter.h"

namespace gradus {
namespace {

Fd SetupOf(const ZygoteOptions& options) {
  cage::Setup setup;
  setup.levels = options.levels;
  setup.uid = options.uid;
  const std::string strict = MakeSeccompFilter(false), landlock = MakeSeccompFilter(true);
  return MakeSetup(setup, options.group_files, {strict, strict, landlock, landlock});
}

std::vector<std::string> EnvironmentOf(const std::string& python) {
  std::vector<std::string> environment = CleanEnvironment();
  // By which an interpreter that is embedded finds itself.
  for (std::string& variable : environment) {
    if (variable.starts_with("PATH=")) {
      variable.insert(5, fs::path(python).parent_path().string() + ":");
    }
  }
  environment.insert(environment.end(),
                     {fmt::format("LD_PRELOAD=/proc/self/fd/{}", cage::kLibraryFd),
                      "PYTHONNOUSERSITE=1", "PYTHONUNBUFFERED=1", "TZ=UTC"});
  return environment;
}

}  // namespace

Zygote::Zygote(const ZygoteOptions& options, const Fd& report) {
  int sockets[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) != 0) {
    Fail("cannot make a socket pair: {}", std::strerror(errno));
  }
  control_ = Fd(sockets[0]);
  const Fd theirs(sockets[1]);
  ::fcntl(control_.get(), F_SETFL, O_NONBLOCK);
  const Fd setup = SetupOf(options);
  const Fd library = MemoryFile("gradus-cage", CageImage());
  const Fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null || !library) Fail("cannot prepare a python slot: {}", std::strerror(errno));
  const std::string python = FindPython();
  ChildOptions child{python, {python}, EnvironmentOf(python), {}, true};
  child.arguments.insert(child.arguments.end(), options.preload.begin(), options.preload.end());
  child.descriptors = {null.get(),  null.get(),    null.get(),  theirs.get(),
                       setup.get(), library.get(), report.get()};
  process_.emplace(child, control_);
}

}  // namespace gradus
