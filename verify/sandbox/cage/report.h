#pragma once
#include <cstddef>
#include <cstdint>

#include "verify/sandbox/cage/cage.h"

namespace gradus::cage {

// How a program ended. Texts are UTF-8.
struct Report {
  Status status = Status::kOk;
  std::int32_t step = -1;  // Of the failure.
  const char* error = "";
  std::size_t error_size = 0;
  const char* value = nullptr;  // nullptr: no value.
  std::size_t value_size = 0;
};

// The memory behind kReportFd, mapped once by the warm interpreter and inherited by every job.
class SharedReport {
 public:
  // Maps and closes the descriptor.
  bool Map();
  // Copies the report there; of a value longer than `most` only its size.
  void Tell(const Report& report, std::size_t most) const;

 private:
  char* memory_ = nullptr;
};

}  // namespace gradus::cage
