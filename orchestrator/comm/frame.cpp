#include "orchestrator/comm/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

constexpr std::uint32_t kMagic = 0x47524146;  // "FARG" in memory.
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kSummedFrom = 2 * sizeof(std::uint32_t);
static_assert(sizeof(FrameHead) == 48, "the head has no padding and travels as it is");

}  // namespace

std::string EncodeFrame(std::uint64_t channel, std::uint64_t number, std::string_view message,
                        std::size_t offset) {
  const std::string_view bytes = message.substr(offset, kFrameBytes);
  FrameHead head{kMagic,  0,      kVersion, static_cast<std::uint32_t>(bytes.size()),
                 channel, number, offset,   message.size()};
  std::string frame;
  frame.reserve(sizeof(head) + bytes.size());
  frame.append(reinterpret_cast<const char*>(&head), sizeof(head)).append(bytes);
  head.crc = Crc32c(std::string_view(frame).substr(kSummedFrom));
  std::memcpy(frame.data(), &head, sizeof(head));
  return frame;
}

std::optional<Reassembly::Complete> Reassembly::Add(std::string_view frame) {
  FrameHead head;
  if (frame.size() < sizeof(head)) Fail("frame of {} bytes is shorter than its head", frame.size());
  std::memcpy(&head, frame.data(), sizeof(head));
  if (head.magic != kMagic || head.version != kVersion) {
    Fail("frame with magic {:x} and version {}: all ranks must run the same gradus", head.magic,
         head.version);
  }
  const std::string_view bytes = frame.substr(sizeof(head));
  if (bytes.size() != head.length || Crc32c(frame.substr(kSummedFrom)) != head.crc) {
    Fail("frame {} of a message was damaged on the way", head.message);
  }
  if (head.message != next_message_ || head.offset != partial_.size() ||
      head.offset + head.length > head.total) {
    Fail("frame {} + {} came where {} + {} was expected", head.message, head.offset, next_message_,
         partial_.size());
  }
  partial_.reserve(head.total);
  partial_.append(bytes);
  if (partial_.size() < head.total) return std::nullopt;
  ++next_message_;
  return Complete{head.channel, std::exchange(partial_, {})};
}

}  // namespace gradus
