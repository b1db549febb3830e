#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/base/file.h"

namespace gradus {

// Scalars over steps as TensorBoard reads them: records of length, masked CRC32C and a protocol
// buffer (schemas/event.proto), appended one write each. A hint for people, never read back by a
// run: when the disk refuses, that is logged once and nothing more is written.
class EventFile {
 public:
  // A new file events.out.tfevents.SECONDS.HOST.PID in `folder`, which is made. Throws Error naming
  // it.
  EventFile(const fs::path& folder, double unix_s);
  void Add(std::int64_t step, double unix_s,
           const std::vector<std::pair<std::string, double>>& scalars);

 private:
  void Append(std::string_view event);
  fs::path path_;
  Fd file_;
};

// One record of such a file.
std::string EventRecord(std::string_view event);

}  // namespace gradus
