#include <atomic>
#include <utility>

#include "orchestrator/comm/mailbox.h"
#include "orchestrator/comm/transport.h"

namespace gradus {
namespace {

class LocalTransport final : public Transport {
 public:
  LocalTransport(int rank, std::shared_ptr<std::vector<Mailbox>> world)
      : rank_(rank), world_(std::move(world)), given_up_(world_->size()) {}

  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(world_->size()); }
  void Send(int to, std::uint64_t channel, std::string bytes) override {
    if (given_up_.at(static_cast<std::size_t>(to))) return;
    BoxOf(to).Put({rank_, channel, std::move(bytes)});
  }
  std::optional<Message> Receive(std::uint64_t channel, double timeout_s, int from) override {
    return BoxOf(rank_).Take(channel, timeout_s, from);
  }
  void Close(std::uint32_t conversation) override { BoxOf(rank_).Close(conversation); }
  void GiveUp(int rank) override {
    given_up_.at(static_cast<std::size_t>(rank)) = true;
    BoxOf(rank_).GiveUp(rank);
  }

 private:
  Mailbox& BoxOf(int rank) { return world_->at(static_cast<std::size_t>(rank)); }

  int rank_;
  std::shared_ptr<std::vector<Mailbox>> world_;
  std::vector<std::atomic<bool>> given_up_;
};

}  // namespace

std::vector<std::unique_ptr<Transport>> MakeLocalWorld(int size) {
  auto boxes = std::make_shared<std::vector<Mailbox>>(static_cast<std::size_t>(size));
  std::vector<std::unique_ptr<Transport>> world;
  for (int rank = 0; rank < size; ++rank) {
    world.push_back(std::make_unique<LocalTransport>(rank, boxes));
  }
  return world;
}

}  // namespace gradus
