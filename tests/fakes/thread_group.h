#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "schemas/base/error.h"
#include "trainer/collectives/collectives.h"

namespace gradus {

// Threads as the ranks of a training group: byte pipes in memory.
class ThreadGroup {
 public:
  explicit ThreadGroup(int size) {
    for (int rank = 0; rank < size; ++rank)
      links_.push_back(std::make_unique<Link>(*this, rank, size));
  }
  PeerLink& link(int rank) { return *links_[std::size_t(rank)]; }

 private:
  class Link final : public PeerLink {
   public:
    Link(ThreadGroup& group, int rank, int size) : group_(group), rank_(rank), size_(size) {}
    int rank() const override { return rank_; }
    int size() const override { return size_; }
    void Send(int to, std::uint32_t tag, std::string bytes) override {
      const std::lock_guard lock(group_.mutex_);
      group_.pipes_[{rank_, to, tag}].push_back(std::move(bytes));
      group_.arrived_.notify_all();
    }
    std::string Receive(int from, std::uint32_t tag, double deadline_s) override {
      std::unique_lock lock(group_.mutex_);
      auto& pipe = group_.pipes_[{from, rank_, tag}];
      if (!group_.arrived_.wait_for(lock, std::chrono::duration<double>(deadline_s),
                                    [&] { return !pipe.empty(); })) {
        throw Error(fmt::format("training rank {} did not answer for {} s", from, deadline_s),
                    ExitCode::kTrainersLost);
      }
      std::string bytes = std::move(pipe.front());
      pipe.pop_front();
      return bytes;
    }

   private:
    ThreadGroup& group_;
    int rank_, size_;
  };

  std::mutex mutex_;  // Guards the pipes.
  std::condition_variable arrived_;
  std::map<std::tuple<int, int, std::uint32_t>, std::deque<std::string>> pipes_;
  std::vector<std::unique_ptr<Link>> links_;
};

// Runs `body` as every rank of a group at once, on links; rethrows the exception of the lowest rank
// that threw.
inline void RunOnLinks(int size, const std::function<void(PeerLink& link)>& body) {
  ThreadGroup group(size);
  std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
  {
    std::vector<std::jthread> ranks;
    for (int rank = 0; rank < size; ++rank) {
      ranks.emplace_back([&, rank] {
        try {
          body(group.link(rank));
        } catch (...) {
          failures[std::size_t(rank)] = std::current_exception();
        }
      });
    }
  }
  for (const auto& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

// The same, as a group with host collectives.
inline void RunAsGroup(int size, const std::function<void(Collectives& group)>& body,
                       double deadline_s = 20) {
  RunOnLinks(size, [&](PeerLink& link) { body(*MakeHostCollectives(link, deadline_s)); });
}

}  // namespace gradus
