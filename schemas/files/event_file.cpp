#include "schemas/files/event_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "event.pb.h"
#include "schemas/base/bytes.h"
#include "schemas/base/error.h"
#include "schemas/base/host.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

// The format rotates and shifts its checksums, so that one over data with checksums is not trivial.
std::uint32_t MaskedCrc(std::string_view bytes) {
  const std::uint32_t crc = Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

}  // namespace

std::string EventRecord(std::string_view event) {
  const std::string length = ByteWriter().Put(std::uint64_t{event.size()}).Take();
  std::string record = length + ByteWriter().Put(MaskedCrc(length)).Take() + std::string(event);
  return record + ByteWriter().Put(MaskedCrc(event)).Take();
}

EventFile::EventFile(const fs::path& folder, double unix_s)
    : path_(folder /
            fmt::format("events.out.tfevents.{:.0f}.{}.{}", unix_s, HostName(), ::getpid())) {
  MakeFolder(folder);
  file_ = Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!file_) Fail("{}: {}", path_.string(), std::strerror(errno));
  event::Event version;
  version.set_wall_time(unix_s);
  version.set_file_version("brain.Event:2");
  Append(version.SerializeAsString());
}

void EventFile::Add(std::int64_t step, double unix_s,
                    const std::vector<std::pair<std::string, double>>& scalars) {
  event::Event event;
  event.set_wall_time(unix_s);
  event.set_step(step);
  for (const auto& [tag, value] : scalars) {
    event::Scalar* scalar = event.mutable_summary()->add_value();
    scalar->set_tag(tag);
    scalar->set_simple_value(static_cast<float>(value));
  }
  Append(event.SerializeAsString());
}

void EventFile::Append(std::string_view event) {
  if (!file_) return;
  const std::string record = EventRecord(event);
  ssize_t written;
  do {
    written = ::write(file_.get(), record.data(), record.size());
  } while (written < 0 && errno == EINTR);
  if (written == std::ssize(record)) return;
  Log("{}: {}; no more events are written", path_.string(),
      written < 0 ? std::strerror(errno) : "disk full");
  file_.Reset();
}

}  // namespace gradus
