#pragma once
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "orchestrator/cluster/protocol.h"
#include "orchestrator/comm/transport.h"

namespace gradus {

// A worker that a test plays message by message: says hello, then tells `heard` of all it gets
// until it is told to leave or destroyed. Lives on a thread of its own, where `heard` is called.
class PlayedWorker {
 public:
  using Heard = std::function<void(PlayedWorker& self, const Envelope& envelope)>;
  PlayedWorker(Transport& transport, Heard heard)
      : transport_(transport),
        thread_(
            [this, heard = std::move(heard)](const std::stop_token& stop) { Live(heard, stop); }) {}
  template <class T>
  void Say(const T& message, std::uint32_t epoch = 1) {
    SayBytes(Encode(epoch, message));
  }
  void SayBytes(std::string bytes) { transport_.Send(0, kControlChannel, std::move(bytes)); }
  // Waits until it was told to leave.
  void Join() { thread_.join(); }

 private:
  void Live(const Heard& heard, const std::stop_token& stop) {
    Say(Hello{"here"}, 0);
    while (!stop.stop_requested()) {
      const auto message = transport_.Receive(kControlChannel, 0.05);
      Say(Heartbeat{0, "{}"});
      if (!message) continue;
      const Envelope envelope = Open(message->bytes);
      heard(*this, envelope);
      if (envelope.type == MessageType::kLeave) return;
    }
  }

  Transport& transport_;
  std::jthread thread_;  // Last: starts when all else is there.
};

}  // namespace gradus
