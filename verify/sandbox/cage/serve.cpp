#include "verify/sandbox/cage/serve.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <initializer_list>

#include "verify/sandbox/cage/levels.h"
#include "verify/sandbox/cage/orphans.h"
#include "verify/sandbox/cage/python_api.h"

namespace gradus::cage {
namespace {

constexpr int kMaxChildren = 256;
constexpr int kJobFds = 2;

struct Child {
  pid_t pid = 0;
  std::uint64_t id = 0;
};

struct Server {
  const Bars& bars;
  Child children[kMaxChildren];
};

void OnSignal(int) {}

void KillChild(const Server& server, pid_t pid) {
  ::kill(pid, SIGKILL);
  if (server.bars.level == 0) ::kill(-pid, SIGKILL);
}

[[noreturn]] void Leave(const Server& server) {
  for (const Child& child : server.children) {
    if (child.pid > 0) KillChild(server, child.pid);
  }
  if (server.bars.level == 0) EndOrphans();
  ::_exit(0);
}

// Reports every child that has ended. At level 0 what it left behind is ended first, while it is
// still a zombie: its number, and that of its group, cannot belong to anybody else yet.
void Reap(Server& server) {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const pid_t pid = info.si_pid;
    Child* child = nullptr;
    for (Child& c : server.children) {
      if (c.pid == pid) child = &c;
    }
    if (child && server.bars.level == 0) KillChild(server, pid);
    int status = 0;
    rusage usage{};
    ::wait4(pid, &status, 0, &usage);
    if (!child) continue;
    child->pid = 0;
    if (server.bars.level == 0 && !EndOrphans()) ::_exit(3);
    Ended ended;
    ended.status = status;
    ended.id = child->id;
    ended.cpu_us =
        static_cast<std::uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
        static_cast<std::uint64_t>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    if (::write(kControlFd, &ended, sizeof ended) != sizeof ended) Leave(server);
  }
}

// One message; false when there is none after all.
bool Receive(const Server& server, Request* request, JobFds* fds) {
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int) * kJobFds)] = {};
  iovec part{request, sizeof *request};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  const ssize_t size = ::recvmsg(kControlFd, &message, MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EINTR || errno == EAGAIN)) return false;
  if (size != static_cast<ssize_t>(sizeof *request)) Leave(server);
  int values[kJobFds] = {-1, -1};
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (rights && rights->cmsg_type == SCM_RIGHTS) {
    const std::size_t bytes = rights->cmsg_len - CMSG_LEN(0);
    std::memcpy(values, CMSG_DATA(rights), bytes < sizeof values ? bytes : sizeof values);
  }
  *fds = {values[0], values[1]};
  return true;
}

// True in the child.
bool StartJob(Server& server, const Request& request, const JobFds& fds) {
  Child* free_place = nullptr;
  for (Child& c : server.children) {
    if (c.pid == 0) free_place = &c;
  }
  long pid = -1;
  if (free_place) {
    PyOS_BeforeFork();
    pid = ForkProcess();
    if (pid == 0) return true;
    PyOS_AfterFork_Parent();
  }
  for (int fd : {fds.program, fds.output}) {
    if (fd >= 0) ::close(fd);
  }
  if (pid < 0) Leave(server);  // The supervisor starts the slot afresh.
  *free_place = {static_cast<pid_t>(pid), request.id};
  return false;
}

void KillById(const Server& server, std::uint64_t id) {
  for (const Child& child : server.children) {
    if (child.pid > 0 && child.id == id) KillChild(server, child.pid);
  }
}

}  // namespace

Request Serve(const Bars& bars, JobFds& fds) {
  Server server{bars, {}};
  sigset_t waiting;
  BlockSignals(OnSignal, &waiting);
  for (;;) {
    Reap(server);
    pollfd ready{kControlFd, POLLIN, 0};
    if (::ppoll(&ready, 1, nullptr, &waiting) < 0) continue;  // A child ended, or we are asked to.
    Request request;
    if (!Receive(server, &request, &fds)) continue;
    if (request.kind == 'K') {
      KillById(server, request.id);
    } else if (StartJob(server, request, fds)) {
      return request;
    }
  }
}

}  // namespace gradus::cage
