#include "verify/sandbox/memory_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace gradus {

Fd MemoryFile(const char* name, std::string_view bytes) {
  Fd file(::memfd_create(name, MFD_CLOEXEC));
  while (file && !bytes.empty()) {
    const ssize_t size = ::write(file.get(), bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) file.Reset();
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return file;
}

}  // namespace gradus
