#include "verify/sandbox/cage/report.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace gradus::cage {
namespace {

constexpr std::size_t kErrorBytes = 8000, kValueBytes = 1u << 20;

void WriteAll(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t done = ::write(fd, data, size);
    if (done < 0 && errno != EINTR) return;
    if (done > 0) {
      data += done;
      size -= static_cast<std::size_t>(done);
    }
  }
}

}  // namespace

void Send(int result_fd, const char (&nonce)[16], const Report& report) {
  struct __attribute__((packed)) {
    char nonce[16];
    std::uint8_t status, has_value;
    std::int32_t step;
    std::uint32_t error_size, value_size;
  } head;
  std::memcpy(head.nonce, nonce, sizeof nonce);
  head.status = static_cast<std::uint8_t>(report.status);
  head.has_value = report.value != nullptr;
  head.step = report.step;
  head.error_size = static_cast<std::uint32_t>(std::min(report.error_size, kErrorBytes));
  head.value_size =
      report.value ? static_cast<std::uint32_t>(std::min(report.value_size, kValueBytes)) : 0;
  WriteAll(result_fd, reinterpret_cast<const char*>(&head), sizeof head);
  WriteAll(result_fd, report.error, head.error_size);
  WriteAll(result_fd, report.value, head.value_size);
}

}  // namespace gradus::cage
