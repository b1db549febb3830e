#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace gradus {

// Calls `act` on a thread of its own whenever so many seconds have passed, until it is destroyed.
class EverySoOften {
 public:
  EverySoOften(double seconds, std::function<void()> act)
      : thread_([this, seconds, act = std::move(act)] {
          std::unique_lock lock(mutex_);
          const std::chrono::duration<double> pause(seconds);
          while (!ended_.wait_for(lock, pause, [this] { return over_; })) act();
        }) {}
  ~EverySoOften() {
    {
      const std::lock_guard lock(mutex_);
      over_ = true;
    }
    ended_.notify_one();
    thread_.join();
  }
  EverySoOften(const EverySoOften&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable ended_;
  bool over_ = false;
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace gradus
