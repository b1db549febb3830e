#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

// A message between processes travels as frames: a head, then up to kFrameBytes of the message.
// Frames of one sender arrive in order, so a message is complete when its last frame has come.
struct FrameHead {
  std::uint32_t magic = 0;
  std::uint32_t crc = 0;  // CRC32C of all that follows it, head and bytes.
  std::uint32_t version = 0;
  std::uint32_t length = 0;  // Bytes in this frame.
  std::uint64_t channel = 0;
  std::uint64_t message = 0;  // Counts the messages of this sender to this receiver.
  std::uint64_t offset = 0;   // Where the bytes of this frame stand in the message.
  std::uint64_t total = 0;    // Bytes of the message.
};

// Well above the rendezvous threshold (64 KB over TCP), where the throughput is bad, and small
// enough to be dropped when its receiver dies.
constexpr std::size_t kFrameBytes = 1 << 20;

// The frame of `message` that starts at `offset`.
std::string EncodeFrame(std::uint64_t channel, std::uint64_t number, std::string_view message,
                        std::size_t offset);

// Puts the frames of one sender together again.
class Reassembly {
 public:
  struct Complete {
    std::uint64_t channel = 0;
    std::string bytes;
  };
  // The message that this frame completed, if it did. Throws Error when the frame is damaged or out
  // of order.
  std::optional<Complete> Add(std::string_view frame);

 private:
  std::uint64_t next_message_ = 0;
  std::string partial_;
};

}  // namespace gradus
