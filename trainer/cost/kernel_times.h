#pragma once
#include <map>
#include <memory>
#include <string>

namespace gradus {

// Adds up, while it lives, the seconds that this thread spends in kinds of tensor operations
// (matrix products, attention, …), nested ones counted once. One at a time per thread.
class KernelTimes {
 public:
  KernelTimes();
  ~KernelTimes();
  KernelTimes(const KernelTimes&) = delete;
  std::map<std::string, double> Seconds() const;

 private:
  struct Clock;
  std::unique_ptr<Clock> clock_;
};

}  // namespace gradus
