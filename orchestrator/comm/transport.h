#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace gradus {

// A channel is a conversation (upper half) and a tag inside it (lower half). Conversation 0 is
// control traffic; every attempt at forming a training group has a fresh one.
constexpr std::uint64_t kControlChannel = 0;
constexpr std::uint64_t ChannelOf(std::uint32_t conversation, std::uint32_t tag) {
  return std::uint64_t{conversation} << 32 | tag;
}
constexpr std::uint32_t ConversationOf(std::uint64_t channel) {
  return static_cast<std::uint32_t>(channel >> 32);
}

// One message between ranks.
struct Message {
  int from = 0;
  std::uint64_t channel = 0;
  std::string bytes;
};

// Point-to-point messages between ranks. Any thread may call. Send never blocks and never fails: a
// message to a dead rank is dropped. Receive waits for a message of one channel (from anybody, or
// from one rank) until the timeout. Messages of one sender and one channel arrive in the order of
// sending.
class Transport {
 public:
  virtual ~Transport() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual void Send(int to, std::uint64_t channel, std::string bytes) = 0;
  virtual std::optional<Message> Receive(std::uint64_t channel, double timeout_s,
                                         int from = -1) = 0;
  // Ends a conversation on this rank: whoever waits in Receive returns at once with nothing, what
  // has arrived or comes later is dropped.
  virtual void Close(std::uint32_t conversation) = 0;
  // `rank` counts as lost: nothing is sent to it or taken from it any more.
  virtual void GiveUp(int rank) = 0;
};

// Threads as ranks: one transport per rank of a world of `size`, for tests and for `gradus run`
// without mpirun.
std::vector<std::unique_ptr<Transport>> MakeLocalWorld(int size);

}  // namespace gradus
