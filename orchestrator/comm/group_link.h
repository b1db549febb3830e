#pragma once
#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "orchestrator/comm/transport.h"
#include "trainer/collectives/collectives.h"

namespace gradus {

// The byte pipes of one training group, on a conversation of its own. One thread trains; another
// may Cancel.
class GroupLink final : public PeerLink {
 public:
  // REQUIRES: `members` (ranks of the world) contains the rank of `transport`.
  GroupLink(Transport& transport, std::uint32_t group, std::vector<int> members);
  ~GroupLink() override;  // Closes the conversation.

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(members_.size()); }
  void Send(int to, std::uint32_t tag, std::string bytes) override;
  std::string Receive(int from, std::uint32_t tag, double deadline_s) override;

  // Whoever waits in Receive, and every later call, throws Error(kTrainersLost).
  void Cancel();
  void ThrowIfCancelled() const;

 private:
  Transport& transport_;
  std::uint32_t group_;
  std::vector<int> members_;
  int rank_ = 0;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace gradus
