#include "verify/python/zygote.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
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
  if (::getrandom(&setup.magic, sizeof setup.magic, 0) != sizeof setup.magic) {
    Fail("getrandom: {}", std::strerror(errno));
  }
  std::array<std::string, cage::kFilters> filters;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    filters[i] = MakeSeccompFilter({i / 2 == 1, i % 2 == 1, setup.magic});
  }
  return MakeSetup(setup, options.group_files, filters);
}

}  // namespace

Zygote::Zygote(const ZygoteOptions& options) {
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
  ChildOptions child{python, {python, "-s", "-c", ZygoteSource()}, CleanEnvironment(), {}};
  child.arguments.insert(child.arguments.end(), options.preload.begin(), options.preload.end());
  child.descriptors = {null.get(),   null.get(),  null.get(),
                       theirs.get(), setup.get(), library.get()};
  process_.emplace(child, control_);
}

}  // namespace gradus
