#pragma once
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "orchestrator/comm/transport.h"

namespace gradus {

// The messages that have arrived at one rank, by channel. Any thread may call.
class Mailbox {
 public:
  // Dropped when its conversation is closed or its sender was given up.
  void Put(Message message);
  // Waits up to `timeout_s` for a message of `channel` from rank `from` (-1: from anybody).
  std::optional<Message> Take(std::uint64_t channel, double timeout_s, int from);
  void Close(std::uint32_t conversation);
  void GiveUp(int rank);

 private:
  struct Lane {
    std::deque<Message> messages;
    int waiting = 0;
  };
  bool IsClosed(std::uint64_t channel) const { return closed_.contains(ConversationOf(channel)); }

  std::mutex mutex_;
  // One for all lanes, since it is notified without the lock, when a lane may be gone already.
  std::condition_variable arrived_;
  std::map<std::uint64_t, Lane> lanes_;  // Only channels with messages or with a waiting thread.
  std::set<std::uint32_t> closed_;
  std::set<int> given_up_;
};

}  // namespace gradus
