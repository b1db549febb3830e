#include "verify/sandbox/cage/report.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace gradus::cage {

bool SharedReport::Map() {
  void* memory = ::mmap(nullptr, kReportBytes, PROT_READ | PROT_WRITE, MAP_SHARED, kReportFd, 0);
  if (memory == MAP_FAILED) return false;
  memory_ = static_cast<char*>(memory);
  return ::close(kReportFd) == 0;
}

void SharedReport::Tell(const Report& report, std::size_t most) const {
  ReportHead head;
  head.status = report.status;
  head.has_value = report.value != nullptr;
  head.step = report.step;
  head.error_size = std::min(report.error_size, kErrorBytes);
  head.value_size = report.value ? report.value_size : 0;
  std::memcpy(memory_ + kErrorAt, report.error, head.error_size);
  if (head.value_size <= std::min(most, kMostValueBytes)) {
    std::memcpy(memory_ + kValueAt, report.value, head.value_size);
  }
  std::memcpy(memory_, &head, sizeof head);
  std::atomic_signal_fence(std::memory_order_seq_cst);
  memory_[offsetof(ReportHead, told)] = 1;
}

}  // namespace gradus::cage
