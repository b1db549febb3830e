#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace gradus {

// kNote: worth knowing. kShort: works, with less than one would want. kMissing: a run cannot work
// without it.
enum class Health : std::uint8_t { kOk, kNote, kShort, kMissing };
const char* ToString(Health health);

// One thing `gradus doctor` looked at, what it found, and what to do about a shortfall ("" when
// there is none).
struct Finding {
  std::string name;
  Health health = Health::kOk;
  std::string found;
  std::string advice;
};

// This machine, as far as this process may use it: cores and memory under its cgroup's limits.
std::vector<Finding> CheckMachine();
// GPUs and driver, and NCCL; loads their libraries when they are there.
std::vector<Finding> CheckGpus();
// Starts the Python executor and runs a program in it.
std::vector<Finding> CheckPython(const std::string& level = "auto");
// Writes, syncs, renames and locks small files in `folder`, and removes them. Looks at its file
// system.
std::vector<Finding> CheckFolder(const std::filesystem::path& folder);
std::vector<Finding> CheckHdf5();
// What the launcher's environment promises about dead ranks, and the Slurm allocation.
std::vector<Finding> CheckLauncher();

}  // namespace gradus
