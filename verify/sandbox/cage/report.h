#pragma once
#include <cstddef>
#include <cstdint>

namespace gradus::cage {

// Status byte of a result frame, as python_job.cpp reads it. kRerun: these steps mean something
// else when they are compiled apart from those before them.
enum class Status : std::uint8_t {
  kOk = 0,
  kException = 1,
  kExitCall = 2,
  kMemory = 3,
  kSandbox = 4,
  kRerun = 5,
  kSignal = 6,  // Its number is in the place of the step.
};

// How a program ended. Texts are UTF-8, cut where they are too long.
struct Report {
  Status status = Status::kOk;
  std::int32_t step = -1;  // Of the failure.
  const char* error = "";
  std::size_t error_size = 0;
  const char* value = nullptr;  // nullptr: no value.
  std::size_t value_size = 0;
};

// Writes the one frame that the supervisor believes: it begins with `nonce`.
void Send(int result_fd, const char (&nonce)[16], const Report& report);

}  // namespace gradus::cage
