#include "verify/sandbox/cage_setup.h"

#include <cerrno>
#include <cstring>

#include "schemas/base/error.h"
#include "verify/sandbox/memory_file.h"

namespace gradus {
namespace {

constexpr std::uint32_t kTasks = 512;
constexpr std::size_t kInstructionBytes = 8;

}  // namespace

Fd MakeSetup(cage::Setup setup, const std::vector<std::string>& group_files,
             const std::array<std::string, cage::kFilters>& filters) {
  setup.tasks = kTasks;
  Require(group_files.size() <= cage::kGroupFiles, "too many control groups");
  for (std::size_t i = 0; i < group_files.size(); ++i) {
    Require(group_files[i].size() < sizeof setup.group_files[i],
            "a control group's path is too long");
    std::memcpy(setup.group_files[i], group_files[i].c_str(), group_files[i].size() + 1);
  }
  std::string behind;
  for (std::size_t i = 0; i < filters.size(); ++i) {
    setup.filter_at[i] = static_cast<std::uint32_t>(sizeof setup + behind.size());
    setup.filter_instructions[i] =
        static_cast<std::uint32_t>(filters[i].size() / kInstructionBytes);
    behind += filters[i];
  }
  Fd file = MemoryFile("gradus-setup",
                       std::string(reinterpret_cast<const char*>(&setup), sizeof setup) + behind);
  if (!file) Fail("cannot prepare a confined process: {}", std::strerror(errno));
  return file;
}

}  // namespace gradus
