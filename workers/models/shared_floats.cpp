#include "workers/models/shared_floats.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr std::string_view kPrefix = "gradus-weights-";
constexpr std::string_view kComplete = "gradus-weights: complete\n";
constexpr std::size_t kPage = 4096;
// For another process that fills the file; it may hang.
constexpr auto kPatience = std::chrono::seconds(120);
constexpr auto kPause = std::chrono::milliseconds(20);

bool TryLock(const Fd& file, int kind) { return ::flock(file.get(), kind | LOCK_NB) == 0; }

// Whether the open file still has its name.
bool IsNamed(const Fd& file) {
  struct stat status {};
  return ::fstat(file.get(), &status) == 0 && status.st_nlink > 0;
}

// Files that nobody uses any more: their processes were killed.
void RemoveStale(const std::filesystem::path& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    const Fd file(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (file && TryLock(file, LOCK_EX)) ::unlink(entry.path().c_str());
  }
}

void* MapPrivate(std::size_t bytes) {
  void* address = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) Fail("cannot reserve {} MiB of memory for weights", bytes >> 20);
  return address;
}

}  // namespace

SharedFloats::SharedFloats(const std::filesystem::path& folder, const std::string& name,
                           std::size_t count, const std::function<void(float*)>& fill)
    : bytes_((std::max<std::size_t>(count, 1) * sizeof(float) + kPage - 1) / kPage * kPage) {
  if (!folder.empty()) {
    RemoveStale(folder);
    path_ = folder / (std::string(kPrefix) + std::to_string(::geteuid()) + "-" + name);
    const std::string trouble = Share(fill);
    if (trouble.empty()) return;
    file_ = Fd();
    Log("engine: the weights are in private memory: {}: {}", path_.string(), trouble);
  }
  FillPrivately(fill);
}

// Says what is in the way, if anything is. Changing a lock gives the old one up first, so whoever
// has one looks again at what it holds.
std::string SharedFloats::Share(const std::function<void(float*)>& fill) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    if (!file_ || !IsNamed(file_)) {
      const std::string trouble = Open();
      if (!trouble.empty()) return trouble;
    }
    if (TryLock(file_, LOCK_SH)) {
      if (!IsNamed(file_)) continue;  // The last user left before we came.
      if (IsComplete()) return Map();
      if (TryLock(file_, LOCK_EX)) {
        if (!IsNamed(file_) || IsComplete()) continue;
        const std::string trouble = Fill(fill);
        if (!trouble.empty()) return trouble;
        continue;
      }
    }
    std::this_thread::sleep_for(kPause);
  }
  return "another process has been filling it for too long";
}

std::string SharedFloats::Open() {
  file_ = Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file_) return std::strerror(errno);
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0 || !S_ISREG(status.st_mode) ||
      status.st_uid != ::geteuid()) {
    return "is not a file of ours";
  }
  return "";
}

std::string SharedFloats::Map() {
  void* address = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, file_.get(), 0);
  if (address == MAP_FAILED) return std::strerror(errno);
  data_ = static_cast<const float*>(address);
  return "";
}

bool SharedFloats::IsComplete() const {
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0 ||
      static_cast<std::size_t>(status.st_size) != bytes_ + kPage) {
    return false;
  }
  char mark[kComplete.size()];
  return ::pread(file_.get(), mark, sizeof(mark), static_cast<off_t>(bytes_)) ==
             static_cast<ssize_t>(sizeof(mark)) &&
         std::string_view(mark, sizeof(mark)) == kComplete;
}

// The mark goes in last: a file without it is filled anew.
std::string SharedFloats::Fill(const std::function<void(float*)>& fill) {
  const auto unlink_with = [&](const char* why) {
    ::unlink(path_.c_str());
    return std::string(why);
  };
  // All pages now: a full file system must be an answer here, not a SIGBUS later.
  if (::ftruncate(file_.get(), 0) != 0) return unlink_with(std::strerror(errno));
  const int error = ::posix_fallocate(file_.get(), 0, static_cast<off_t>(bytes_ + kPage));
  if (error != 0) return unlink_with(std::strerror(error));
  void* address = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
  if (address == MAP_FAILED) return unlink_with(std::strerror(errno));
  try {
    fill(static_cast<float*>(address));
  } catch (...) {
    ::munmap(address, bytes_);
    ::unlink(path_.c_str());
    throw;
  }
  ::munmap(address, bytes_);
  if (::pwrite(file_.get(), kComplete.data(), kComplete.size(), static_cast<off_t>(bytes_)) !=
      static_cast<ssize_t>(kComplete.size())) {
    return unlink_with("cannot be finished");
  }
  return "";
}

void SharedFloats::FillPrivately(const std::function<void(float*)>& fill) {
  float* address = static_cast<float*>(MapPrivate(bytes_));
  data_ = address;
  try {
    fill(address);
  } catch (...) {
    Leave();
    throw;
  }
}

SharedFloats::~SharedFloats() { Leave(); }

SharedFloats::SharedFloats(SharedFloats&& other) noexcept { *this = std::move(other); }

SharedFloats& SharedFloats::operator=(SharedFloats&& other) noexcept {
  if (this == &other) return *this;
  Leave();
  path_ = std::move(other.path_);
  file_ = std::move(other.file_);
  bytes_ = other.bytes_;
  data_ = std::exchange(other.data_, nullptr);
  return *this;
}

void SharedFloats::Leave() noexcept {
  if (data_ != nullptr) ::munmap(const_cast<float*>(data_), bytes_);
  data_ = nullptr;
  // The last one out.
  if (file_ && TryLock(file_, LOCK_EX) && IsNamed(file_)) ::unlink(path_.c_str());
  file_ = Fd();
}

}  // namespace gradus
