#include "orchestrator/launch/start.h"

#include <doctest/doctest.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace gradus {
namespace {

// Hands everything on, and lets somebody wait until so much was sent.
class CountingTransport final : public Transport {
 public:
  explicit CountingTransport(Transport& inner) : inner_(inner) {}
  int rank() const override { return inner_.rank(); }
  int size() const override { return inner_.size(); }
  void Send(int to, std::uint64_t channel, std::string bytes) override {
    inner_.Send(to, channel, std::move(bytes));
    const std::lock_guard lock(mutex_);
    ++sent_;
    changed_.notify_all();
  }
  std::optional<Message> Receive(std::uint64_t channel, double timeout_s, int from) override {
    return inner_.Receive(channel, timeout_s, from);
  }
  void Close(std::uint32_t conversation) override { inner_.Close(conversation); }
  void GiveUp(int rank) override { inner_.GiveUp(rank); }
  void AwaitSent(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return sent_ >= count; });
  }

 private:
  Transport& inner_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int sent_ = 0;
};

TEST_CASE("All ranks learn how the first one's preparation ended, however long it took") {
  for (int code : {0, 2}) {
    const auto world = MakeLocalWorld(3);
    CountingTransport first(*world[0]);
    std::vector<std::optional<int>> results(3);
    std::vector<std::thread> threads;
    for (int rank = 1; rank < 3; ++rank) {
      threads.emplace_back([&, rank] {
        results[std::size_t(rank)] = PrepareTogether(*world[std::size_t(rank)], {}, 60);
      });
    }
    const auto prepare = [&] {
      first.AwaitSent(6);  // It lasts until it has shown three times to both that it lives.
      return code;
    };
    results[0] = PrepareTogether(first, prepare, 0.1);
    for (std::thread& thread : threads) thread.join();
    for (const auto& result : results) CHECK(result == code);
  }
}

TEST_CASE("A first rank that is never heard counts as lost") {
  const auto world = MakeLocalWorld(2);
  CHECK(!PrepareTogether(*world[1], {}, 0.05));
}

}  // namespace
}  // namespace gradus
