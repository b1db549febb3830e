#include "schemas/files/ledger.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr std::size_t kHeader = 2 * sizeof(std::uint32_t);  // Length and CRC32C.
constexpr std::size_t kLongest = 256u << 20;  // Of one payload: caps what garbage can ask for.
constexpr std::size_t kLongestTail = 2 * kLongest;  // More than that is not cut, but damage.

bool IsRecordKind(std::uint8_t value) {
  return value >= static_cast<std::uint8_t>(RecordKind::kRunStarted) &&
         value <= static_cast<std::uint8_t>(RecordKind::kAbandoned);
}

std::uint32_t GetU32(const char* from) {
  std::uint32_t value;
  std::memcpy(&value, from, sizeof(value));
  return value;
}

// Bytes of the record at the front of `bytes` when it names a known kind and a possible length, be
// they all there or not; 0 otherwise.
std::size_t FrameSize(std::string_view bytes) {
  if (bytes.size() < kHeader + 1) return 0;
  const std::size_t length = GetU32(bytes.data());
  if (length > kLongest || !IsRecordKind(static_cast<std::uint8_t>(bytes[kHeader]))) return 0;
  return kHeader + 1 + length;
}

// The same when all of it is there; 0 otherwise.
std::size_t FrameAt(std::string_view bytes) {
  const std::size_t size = FrameSize(bytes);
  return size <= bytes.size() ? size : 0;
}

bool HasGoodCrc(std::string_view frame) {
  return Crc32c(frame.substr(kHeader)) == GetU32(frame.data() + sizeof(std::uint32_t));
}

// Whether a good record starts after the front of `bytes`. A crash tears only the end of a file, so
// a good record behind a bad one means damage. The search is bounded: beyond that the end counts as
// torn.
bool HoldsLaterRecord(std::string_view bytes) {
  std::size_t budget = 64 * bytes.size() + (1u << 20);
  for (std::size_t at = 1; at < bytes.size(); ++at) {
    const std::size_t size = FrameAt(bytes.substr(at));
    if (size == 0) continue;
    if (size > budget) return false;
    budget -= size;
    if (HasGoodCrc(bytes.substr(at, size))) return true;
  }
  return false;
}

// Whether the end of a file is a whole record with a changed byte rather than the start of one: a
// crash leaves a prefix, or zeros.
bool IsWholeButChanged(std::string_view bytes) {
  if (bytes.size() < kHeader + 1 || bytes.find_first_not_of('\0') == std::string_view::npos)
    return false;
  return GetU32(bytes.data()) == bytes.size() - kHeader - 1 || HasGoodCrc(bytes);
}

// 000001.log, 000002.log, … without a gap.
std::vector<fs::path> LogFiles(const fs::path& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    const bool numbered =
        name.size() == 10 && name.substr(6) == ".log" && name.find_first_not_of("0123456789") == 6;
    if (numbered) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path expected = folder / fmt::format("{:06}.log", i + 1);
    if (files[i] != expected) {
      Fail("{}: missing although {} exists; restore it from a backup", expected.string(),
           files[i].filename().string());
    }
  }
  return files;
}

// A file read from its beginning to its end, of which little is in memory at a time.
class FileWindow {
 public:
  explicit FileWindow(const fs::path& file)
      : file_(file), fd_(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (!fd_) Fail("{}: {}", file.string(), std::strerror(errno));
  }
  // The next bytes that were not skipped: `size` of them, or fewer where the file ends.
  std::string_view Peek(std::size_t size) {
    while (bytes_.size() - used_ < size && ReadPiece()) {
    }
    return std::string_view(bytes_).substr(used_, size);
  }
  void Skip(std::size_t size) {
    used_ += size;
    position_ += size;
  }
  std::uint64_t position() const { return position_; }

 private:
  // False at the end of the file.
  bool ReadPiece() {
    bytes_.erase(0, used_);
    used_ = 0;
    const std::size_t before = bytes_.size();
    bytes_.resize(before + kPiece);
    const ssize_t got = ::read(fd_.get(), bytes_.data() + before, kPiece);
    if (got < 0 && errno != EINTR)
      Fail("{}: cannot read: {}", file_.string(), std::strerror(errno));
    bytes_.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    return got != 0;
  }

  static constexpr std::size_t kPiece = 1 << 20;
  fs::path file_;
  Fd fd_;
  std::string bytes_;
  std::size_t used_ = 0;  // Of `bytes_`.
  std::uint64_t position_ = 0;
};

// Visits the good records of one file; returns the bytes of a torn tail, which only the newest may
// have.
std::uint64_t ReplayFile(const fs::path& file, bool newest,
                         const std::function<void(const Record&)>& visit) {
  FileWindow window(file);
  for (;;) {
    const std::size_t size = FrameSize(window.Peek(kHeader + 1));
    const std::string_view frame = window.Peek(size);
    if (size == 0 || frame.size() < size || !HasGoodCrc(frame)) break;
    visit({static_cast<RecordKind>(frame[kHeader]), std::string(frame.substr(kHeader + 1))});
    window.Skip(size);
  }
  const std::string_view rest = window.Peek(kLongestTail + 1);
  if (rest.empty()) return 0;
  if (!newest || rest.size() > kLongestTail || IsWholeButChanged(rest) || HoldsLaterRecord(rest)) {
    const std::uint64_t good = window.position();
    Fail(
        "{}: damaged record at byte {}; restore the file from a backup, or give up what follows: "
        "truncate -s {} {}",
        file.string(), good, good, file.string());
  }
  return rest.size();
}

void CutTail(const fs::path& file, std::uint64_t torn) {
  Fd fd(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  const auto keep = static_cast<off_t>(fs::file_size(file) - torn);
  if (!fd || ::ftruncate(fd.get(), keep) != 0 || ::fdatasync(fd.get()) != 0) {
    Fail("{}: cannot cut the torn end: {}", file.string(), std::strerror(errno));
  }
  Log("{}: cut {} bytes of a record that was being written when the run ended", file.string(),
      torn);
}

}  // namespace

Ledger::Ledger(const std::filesystem::path& folder,
               const std::function<void(const Record&)>& visit) {
  MakeFolder(folder);
  const std::vector<fs::path> files = LogFiles(folder);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const bool newest = i + 1 == files.size();
    const std::uint64_t torn = ReplayFile(files[i], newest, visit);
    if (torn > 0) CutTail(files[i], torn);
  }
  file_ = folder / fmt::format("{:06}.log", files.size() + 1);
  fd_ = Fd(::open(file_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!fd_) Fail("{}: cannot create: {}", file_.string(), std::strerror(errno));
  SyncFolder(folder);
}

void Ledger::Append(RecordKind kind, std::string_view payload) {
  Require(payload.size() <= kLongest, "ledger record too long");
  const std::size_t start = buffer_.size();
  const auto length = static_cast<std::uint32_t>(payload.size());
  buffer_.append(reinterpret_cast<const char*>(&length), sizeof(length));
  buffer_.append(sizeof(std::uint32_t), '\0');
  buffer_.push_back(static_cast<char>(kind));
  buffer_.append(payload);
  const std::uint32_t crc = Crc32c(std::string_view(buffer_).substr(start + kHeader));
  std::memcpy(buffer_.data() + start + sizeof(length), &crc, sizeof(crc));
  ++appended_;
}

void Ledger::Sync() {
  if (synced_ == appended_) return;
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t put = ::write(fd_.get(), buffer_.data() + done, buffer_.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      const int reason = errno;
      buffer_.erase(0, done);
      Fail("{}: cannot write: {}", file_.string(), std::strerror(reason));
    }
    done += static_cast<std::size_t>(put);
  }
  buffer_.clear();
  // After a failed fdatasync the kernel may have dropped the pages: the caller must not try again.
  if (::fdatasync(fd_.get()) != 0) Fail("{}: fdatasync: {}", file_.string(), std::strerror(errno));
  synced_ = appended_;
}

std::uint64_t ReplayLedger(const std::filesystem::path& folder,
                           const std::function<void(const Record&)>& visit) {
  if (!fs::is_directory(folder)) Fail("{}: no such ledger folder", folder.string());
  const std::vector<fs::path> files = LogFiles(folder);
  std::uint64_t torn = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    torn = ReplayFile(files[i], i + 1 == files.size(), visit);
  }
  return torn;
}

}  // namespace gradus
