#include "orchestrator/comm/mailbox.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace gradus {
namespace {

using Clock = std::chrono::steady_clock;

// "For ever" still has to fit into the clock's integers.
constexpr double kLongestWaitSeconds = 1e8;

Clock::time_point After(double seconds) {
  const double bounded = std::clamp(seconds, 0.0, kLongestWaitSeconds);
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(bounded));
}

}  // namespace

void Mailbox::Put(Message message) {
  bool somebody_waits = false;
  {
    const std::lock_guard lock(mutex_);
    if (IsClosed(message.channel) || given_up_.contains(message.from)) return;
    Lane& lane = lanes_[message.channel];
    lane.messages.push_back(std::move(message));
    somebody_waits = lane.waiting > 0;
  }
  if (somebody_waits) arrived_.notify_all();
}

std::optional<Message> Mailbox::Take(std::uint64_t channel, double timeout_s, int from) {
  std::unique_lock lock(mutex_);
  Lane& lane = lanes_[channel];
  auto found = lane.messages.end();
  const auto ready = [&] {
    if (IsClosed(channel)) return true;
    found = std::find_if(lane.messages.begin(), lane.messages.end(),
                         [&](const Message& m) { return from < 0 || m.from == from; });
    return found != lane.messages.end();
  };
  ++lane.waiting;
  const bool came =
      ready() || (timeout_s > 0 && arrived_.wait_until(lock, After(timeout_s), ready));
  --lane.waiting;
  std::optional<Message> message;
  if (came && !IsClosed(channel)) {
    message = std::move(*found);
    lane.messages.erase(found);
  }
  if (lane.waiting == 0 && lane.messages.empty()) lanes_.erase(channel);
  return message;
}

void Mailbox::Close(std::uint32_t conversation) {
  const std::lock_guard lock(mutex_);
  closed_.insert(conversation);
  auto lane = lanes_.lower_bound(ChannelOf(conversation, 0));
  while (lane != lanes_.end() && ConversationOf(lane->first) == conversation) {
    lane->second.messages.clear();
    lane = lane->second.waiting > 0 ? std::next(lane) : lanes_.erase(lane);
  }
  arrived_.notify_all();
}

void Mailbox::GiveUp(int rank) {
  const std::lock_guard lock(mutex_);
  given_up_.insert(rank);
}

}  // namespace gradus
