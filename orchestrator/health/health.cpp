#include "orchestrator/health/health.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <asio/io_context.hpp>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"
#include "schemas/files/hdf5_file.h"
#include "verify/python/python_executor.h"
#include "verify/sandbox/level.h"

namespace gradus {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;

std::optional<std::string> Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// First number of a small kernel file; none when the file is absent or says "max".
std::optional<double> FirstNumber(const char* path) {
  std::error_code none;
  if (!fs::exists(path, none)) return std::nullopt;
  const std::string text = ReadFile(path);
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

Finding Cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int usable = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
  Finding finding{"cores", Health::kOk, fmt::format("{} usable", usable), ""};
  if (const auto quota = FirstNumber("/sys/fs/cgroup/cpu.max")) {
    // "quota period": the period is 100 ms unless somebody changed it.
    finding.found += fmt::format(", cgroup quota {:.1f}", *quota / 1e5);
  }
  if (usable < 2) {
    finding.health = Health::kShort;
    finding.advice =
        "generation and Python runs share this core; allow at least 2 (taskset, cgroup, "
        "--cpus-per-task)";
  }
  return finding;
}

Finding Memory() {
  const double total =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  double usable = total;
  if (const auto limit = FirstNumber("/sys/fs/cgroup/memory.max"))
    usable = std::min(usable, *limit);
  Finding finding{"memory", Health::kOk, fmt::format("{:.1f} GiB usable", usable / kGib), ""};
  if (usable < 8 * kGib) {
    finding.health = Health::kShort;
    finding.advice =
        "each Python slot may use execution.limits.mem_mb: lower it or the number of slots";
  }
  return finding;
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

// Milliseconds of writing 4 KiB and making them durable.
std::vector<double> SyncTimes(const fs::path& file, int count) {
  const Fd fd(::open(file.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) Fail("{}: cannot be written ({})", file.string(), std::strerror(errno));
  const std::string block(4096, 'g');
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const double start = MonotonicSeconds();
    if (::write(fd.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size()) ||
        ::fdatasync(fd.get()) != 0) {
      Fail("{}: write or fdatasync failed ({})", file.string(), std::strerror(errno));
    }
    times.push_back(1000 * (MonotonicSeconds() - start));
  }
  return times;
}

Finding SyncSpeed(const fs::path& file) {
  const std::vector<double> times = SyncTimes(file, 16);
  const double median = Median(times), worst = *std::max_element(times.begin(), times.end());
  Finding finding{"fsync", Health::kOk,
                  fmt::format("{:.2f} ms median, {:.2f} ms worst", median, worst), ""};
  if (median > 50) {
    finding.health = Health::kShort;
    finding.advice =
        "results are acknowledged after a sync: raise cluster.commit_ms, or put the run on a "
        "faster file system";
  }
  return finding;
}

Finding Renaming(const fs::path& file) {
  const fs::path target = file.string() + ".renamed";
  PublishFile(file, target);
  const bool moved = fs::exists(target) && !fs::exists(file);
  fs::remove(target);
  if (moved) return {"rename", Health::kOk, "a published file appears at once", ""};
  return {"rename", Health::kMissing, "a renamed file was not at its new name",
          "use a file system with POSIX renames"};
}

Finding Locking(const fs::path& file) {
  const Fd first(::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  const Fd second(::open(file.c_str(), O_RDWR | O_CLOEXEC));
  const bool locked = first && ::flock(first.get(), LOCK_EX | LOCK_NB) == 0;
  const bool exclusive = locked && second && ::flock(second.get(), LOCK_EX | LOCK_NB) != 0;
  fs::remove(file);
  if (exclusive) return {"lock", Health::kOk, "a second program cannot open the same run", ""};
  return {"lock", Health::kShort,
          locked ? "locks are not exclusive here" : "files cannot be locked here",
          "mount with flock support, or make sure that one program at a time works on a run"};
}

const char* FileSystemName(long type) {
  switch (type) {
    case 0x6969:
      return "nfs";
    case 0x0BD00BD0:
      return "lustre";
    case 0x47504653:
      return "gpfs";
    case 0x19830326:
      return "beegfs";
    case 0x01021994:
      return "tmpfs";
    case 0x794C7630:
      return "overlayfs";
    case 0xEF53:
      return "ext4";
    case 0x58465342:
      return "xfs";
    case 0x9123683E:
      return "btrfs";
    case 0x2FC12FC1:
      return "zfs";
    default:
      return "other";
  }
}

Finding FileSystem(const fs::path& folder) {
  struct statfs info {};
  if (::statfs(folder.c_str(), &info) != 0)
    Fail("{}: cannot be examined ({})", folder.string(), std::strerror(errno));
  const double free = static_cast<double>(info.f_bavail) * static_cast<double>(info.f_bsize) / kGib;
  const std::string name = FileSystemName(static_cast<long>(info.f_type) & 0xFFFFFFFF);
  Finding finding{"file system", Health::kOk, fmt::format("{}, {:.1f} GiB free", name, free), ""};
  if (name == "tmpfs") {
    finding.health = Health::kShort;
    finding.advice = "this folder is lost when the machine restarts: keep runs on a disk";
  } else if (free < 10) {
    finding.health = Health::kShort;
    finding.advice = "a round holds its trees and three models: free some space";
  }
  return finding;
}

// How far a program of the model is kept from the machine.
Finding Sandbox(const Isolation& isolation) {
  Finding finding{"sandbox", Health::kOk, "", ""};
  constexpr const char* kMeaning[] = {"resource limits only",
                                      "seccomp, unprivileged user, resource limits",
                                      "own name spaces, empty root, seccomp",
                                      "own name spaces, empty root, seccomp, control group"};
  finding.found = fmt::format("{}: {}", LevelName(isolation.level), kMeaning[isolation.level]);
  if (!isolation.why.empty()) finding.found += "; not higher because " + isolation.why;
  if (isolation.level == 0) {
    finding.health = Health::kShort;
    finding.advice = "programs written by a model can do what this user can: only for trusted ones";
  } else if (!isolation.reads_confined) {
    finding.health = Health::kShort;
    finding.advice =
        "no Landlock and no mount name space: programs can read what this user can; run as a user "
        "without secrets";
  } else if (isolation.level == 1) {
    finding.health = Health::kNote;
    finding.advice =
        "no empty root and no network of their own for programs: allow user name spaces, or run as "
        "root";
  }
  return finding;
}

Finding SlurmAllocation() {
  if (const auto job = Variable("SLURM_JOB_ID")) {
    return {
        "slurm", Health::kOk,
        fmt::format("job {}, {} tasks on {} nodes", *job, Variable("SLURM_NTASKS").value_or("?"),
                    Variable("SLURM_NNODES").value_or("?")),
        ""};
  }
  return {"slurm", Health::kNote, "not inside an allocation",
          "on a cluster: sbatch scripts/gradus.sbatch"};
}

}  // namespace

const char* ToString(Health health) {
  switch (health) {
    case Health::kOk:
      return "ok";
    case Health::kNote:
      return "note";
    case Health::kShort:
      return "short";
    default:
      return "missing";
  }
}

std::vector<Finding> CheckMachine() { return {Cores(), Memory()}; }

std::vector<Finding> CheckPython(const std::string& level) {
  try {
    asio::io_context io;
    const double start = MonotonicSeconds();
    ExecutorOptions options;
    options.level = level;
    const auto executor = MakePythonExecutor(io, options);
    const double started = MonotonicSeconds();
    ExecResult result;
    executor->Check({{"import sympy\nprint(sympy.Rational(1, 3) * 3)"}, {}}, {}, [&](ExecResult r) {
      result = std::move(r);
      io.stop();
    });
    io.run();
    const double ran = MonotonicSeconds();
    Finding finding{"python", Health::kOk, executor->Version(), ""};
    finding.found += fmt::format("; started in {:.1f} s, a program takes {:.0f} ms",
                                 started - start, 1000 * (ran - started));
    if (result.outcome != Outcome::kOk) {
      finding.health = Health::kMissing;
      finding.found += fmt::format("; the test program ended with {} {}", ToString(result.outcome),
                                   result.error);
      finding.advice = "every step would fail: run the program with gradus exec to see why";
    }
    return {finding, Sandbox(executor->isolation())};
  } catch (const Error& error) {
    return {{"python", Health::kMissing, error.what(),
             "scripts/setup.sh installs what the executor needs; without any isolation, "
             "execution.level: L0 must be named"}};
  }
}

std::vector<Finding> CheckFolder(const fs::path& folder) {
  const fs::path file = folder / fmt::format(".gradus-doctor-{}", ::getpid());
  try {
    if (!fs::is_directory(folder)) Fail("{}: no such folder", folder.string());
    std::vector<Finding> findings{FileSystem(folder), SyncSpeed(file)};
    findings.push_back(Renaming(file));
    findings.push_back(Locking(file));
    return findings;
  } catch (const std::exception& error) {
    std::error_code ignored;
    fs::remove(file, ignored);
    return {{"file system", Health::kMissing, error.what(),
             "name a folder that can be written with --folder"}};
  }
}

std::vector<Finding> CheckHdf5() {
  unsigned major = 0, minor = 0, release = 0;
  H5get_libversion(&major, &minor, &release);
  const bool deflate = H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0;
  const bool shuffle = H5Zfilter_avail(H5Z_FILTER_SHUFFLE) > 0;
  Finding finding{"hdf5", Health::kOk,
                  fmt::format("{}.{}.{}, deflate {}, shuffle {}", major, minor, release,
                              deflate ? "yes" : "no", shuffle ? "yes" : "no"),
                  ""};
  if (!deflate || !shuffle) {
    finding.health = Health::kMissing;
    finding.advice = "shards are compressed: install an HDF5 library with zlib";
  }
  return {finding};
}

std::vector<Finding> CheckLauncher() {
  std::vector<Finding> findings;
  const auto ranks = Variable("OMPI_COMM_WORLD_SIZE");
  if (!ranks) {
    findings.push_back({"launcher", Health::kNote, "started without mpirun: one process",
                        "scripts/mpirun.sh RANKS doctor looks at a launched rank"});
  } else {
    const bool recovery = Variable("OMPI_MCA_orte_enable_recovery").value_or("0") != "0";
    findings.push_back(
        {"launcher", recovery ? Health::kOk : Health::kShort,
         fmt::format("mpirun, {} ranks, recovery {}", *ranks, recovery ? "on" : "off"),
         recovery ? ""
                  : "one dead rank ends the job: add --enable-recovery, or use scripts/mpirun.sh"});
  }
  findings.push_back(SlurmAllocation());
  return findings;
}

}  // namespace gradus
