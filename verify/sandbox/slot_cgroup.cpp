#include "verify/sandbox/slot_cgroup.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

namespace fs = std::filesystem;

namespace gradus {
namespace {

constexpr int kTasks = 512;

bool Write(const fs::path& file, const std::string& text) {
  std::ofstream out(file);
  out << text << std::flush;
  return out.good();
}

std::string Read(const fs::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// Where this process lies below the mount of `controller` ("" for version 2); "" when not found.
fs::path OwnFolder(const std::string& controller) {
  std::string inner;
  std::istringstream groups(Read("/proc/self/cgroup"));
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool found = controller.empty() ? names == ",,"
                                          : names.find("," + controller + ",") != std::string::npos;
    if (found) inner = line.substr(second + 1);
  }
  if (inner.empty()) return {};
  std::istringstream mounts(Read("/proc/self/mounts"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device, folder, type, options;
    fields >> device >> folder >> type >> options;
    const bool found =
        controller.empty()
            ? type == "cgroup2"
            : type == "cgroup" &&
                  ("," + options + ",").find("," + controller + ",") != std::string::npos;
    if (!found) continue;
    const fs::path own = fs::path(folder) / fs::path(inner).relative_path();
    // Inside a container the path may name a place outside of what is mounted.
    return fs::exists(own / "cgroup.procs") ? own : fs::path(folder);
  }
  return {};
}

constexpr std::string_view kPrefix = "gradus-";

std::string FreshName() {
  static std::atomic<int> next{0};
  return fmt::format("{}{}-{}", kPrefix, ::getpid(), next++);
}

// Groups that killed processes left behind. One that is in use cannot be removed.
void RemoveLeftOvers(const fs::path& parent) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const long pid = std::strtol(name.c_str() + kPrefix.size(), nullptr, 10);
    if (pid > 0 && ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) {
      ::rmdir(entry.path().c_str());
    }
  }
}

bool MakeFolder(const fs::path& folder, std::string& why) {
  RemoveLeftOvers(folder.parent_path());
  std::error_code error;
  if (fs::create_directory(folder, error)) return true;
  why = fmt::format("{}: {}", folder.string(), error.message());
  return false;
}

// Where this job's processes go: a group of version 2 that has processes hands no controller down.
constexpr const char* kLeaf = "gradus-leaf";

bool HandDown(const fs::path& own) {
  return Write(own / "cgroup.subtree_control", "+memory +pids");
}

// Moves what lives in the group, this process and others of its job, into one below it.
bool MoveToLeaf(const fs::path& own) {
  std::error_code ignored;
  fs::create_directory(own / kLeaf, ignored);
  std::istringstream processes(Read(own / "cgroup.procs"));
  bool moved = true;
  // One that has ended meanwhile need not go.
  for (long pid; processes >> pid;) {
    moved = (Write(own / kLeaf / "cgroup.procs", std::to_string(pid)) ||
             ::kill(static_cast<pid_t>(pid), 0) != 0) &&
            moved;
  }
  return moved;
}

}  // namespace

bool SlotCgroup::MakeVersion2(std::string& why) {
  fs::path own = OwnFolder("");
  if (own.empty()) {
    why = "no control groups of version 2";
    return false;
  }
  if (own.filename() == kLeaf) own = own.parent_path();
  const std::string controllers = " " + Read(own / "cgroup.controllers");
  if (controllers.find(" memory") == std::string::npos ||
      controllers.find(" pids") == std::string::npos) {
    why = own.string() + " has no memory and pids controllers";
    return false;
  }
  const std::string enabled = " " + Read(own / "cgroup.subtree_control");
  if ((enabled.find(" memory") == std::string::npos ||
       enabled.find(" pids") == std::string::npos) &&
      !HandDown(own) && !(MoveToLeaf(own) && HandDown(own))) {
    why = own.string() + " does not hand its controllers down (not delegated)";
    return false;
  }
  const fs::path folder = own / FreshName();
  if (!MakeFolder(folder, why)) return false;
  folders_ = {folder};
  joins_ = {folder / "cgroup.procs"};
  memory_limit_ = folder / "memory.max";
  events_ = folder / "memory.events";
  Write(folder / "memory.swap.max", "0");
  return Write(folder / "pids.max", std::to_string(kTasks));
}

bool SlotCgroup::MakeVersion1(std::string& why) {
  const fs::path memory = OwnFolder("memory"), pids = OwnFolder("pids");
  if (memory.empty() || pids.empty()) {
    why += "; no memory and pids control groups of version 1";
    return false;
  }
  const std::string name = FreshName();
  for (const fs::path& parent : {memory, pids}) {
    std::string reason;
    if (!MakeFolder(parent / name, reason)) {
      why += "; " + reason;
      return false;
    }
    folders_.push_back(parent / name);
    joins_.push_back(parent / name / "cgroup.procs");
  }
  memory_limit_ = folders_[0] / "memory.limit_in_bytes";
  events_ = folders_[0] / "memory.oom_control";
  return Write(folders_[1] / "pids.max", std::to_string(kTasks));
}

std::optional<SlotCgroup> SlotCgroup::Make(std::string& why) {
  SlotCgroup group;
  if (!group.MakeVersion2(why) && !group.MakeVersion1(why)) return std::nullopt;
  why.clear();
  return group;
}

// The kernel lets go of a group a moment after its last process was reaped.
SlotCgroup::~SlotCgroup() {
  for (const fs::path& folder : folders_) {
    for (int attempt = 0; attempt < 50 && ::rmdir(folder.c_str()) != 0 && errno == EBUSY;
         ++attempt) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

void SlotCgroup::Allow(int mib) {
  if (mib <= mib_) return;
  mib_ = mib;
  Write(memory_limit_, std::to_string(static_cast<long long>(mib) << 20));
}

long SlotCgroup::oom_kills() const {
  std::istringstream lines(Read(events_));
  std::string name;
  for (long count = 0; lines >> name >> count;) {
    if (name == "oom_kill") return count;
  }
  return 0;
}

}  // namespace gradus
