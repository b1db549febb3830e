#pragma once
#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

// A control group of one slot: total memory and tasks of its interpreter with all its programs, and
// the kernel's count of programs it ended for want of memory. Version 1 (memory and pids) or 2.
// Removed with the object, which must outlive the slot's processes.
class SlotCgroup {
 public:
  // Nothing, with the reason in `why`, where this process may not make one.
  static std::optional<SlotCgroup> Make(std::string& why);
  SlotCgroup(SlotCgroup&& other) noexcept = default;
  SlotCgroup& operator=(SlotCgroup&& other) = delete;
  ~SlotCgroup();

  // Files that a process writes "0" into to join.
  const std::vector<std::filesystem::path>& joins() const { return joins_; }
  // Raises the memory limit to at least `mib` MiB.
  void Allow(int mib);
  // Programs ended by the kernel so far.
  long oom_kills() const;

 private:
  SlotCgroup() = default;
  bool MakeVersion2(std::string& why);
  bool MakeVersion1(std::string& why);

  std::vector<std::filesystem::path> folders_, joins_;
  std::filesystem::path memory_limit_, events_;
  int mib_ = 0;
};

}  // namespace gradus
