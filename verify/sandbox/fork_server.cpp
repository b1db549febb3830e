#include "verify/sandbox/fork_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace gradus {

ForkServer::ForkServer(asio::io_context& io, Fd control) : control_(io, control.Release()) {}

bool ForkServer::Send(const cage::Request& request, const RequestFds& fds) {
  const int values[2] = {fds.program, fds.output};
  const std::size_t size = fds.program < 0 ? 0 : sizeof values;
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof values)] = {};
  iovec part{const_cast<cage::Request*>(&request), sizeof request};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (size > 0) {
    message.msg_control = space;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(rights), values, size);
  }
  ssize_t sent;
  do {
    sent = ::sendmsg(control_.native_handle(), &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof request);
}

void ForkServer::Kill(std::uint64_t id) {
  cage::Request request;
  request.kind = 'K';
  request.id = id;
  Send(request, {});
}

void ForkServer::Listen(Handler handler) {
  handler_ = std::move(handler);
  Wait();
}

void ForkServer::Wait() {
  if (std::exchange(waiting_, true)) return;
  control_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = shared_from_this()](std::error_code error) {
                        self->waiting_ = false;
                        if (!self->handler_) return;
                        if (error) return;
                        auto message = self->Poll();
                        if (!message) return self->Wait();
                        std::exchange(self->handler_, nullptr)(std::move(*message));
                      });
}

void ForkServer::Close() {
  handler_ = nullptr;
  std::error_code ignored;
  control_.close(ignored);
}

std::string ForkServer::Await(int timeout_ms) {
  pollfd wait{control_.native_handle(), POLLIN, 0};
  int ready;
  do {
    ready = ::poll(&wait, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 ? Poll().value_or("") : "";
}

std::optional<std::string> ForkServer::Poll() {
  char buffer[8192];
  ssize_t size;
  do {
    size = ::recv(control_.native_handle(), buffer, sizeof buffer, 0);
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  return std::string(buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
}

}  // namespace gradus
