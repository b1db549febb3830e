#pragma once
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "orchestrator/cluster/worker.h"
#include "orchestrator/comm/transport.h"
#include "schemas/base/log.h"
#include "tests/fakes/scripted_role.h"

namespace gradus {

// A rank that can be cut off from the world, as by a broken cable: nothing leaves it and nothing
// reaches it.
class CuttableTransport final : public Transport {
 public:
  explicit CuttableTransport(std::unique_ptr<Transport> inner) : inner_(std::move(inner)) {}
  void Cut() { cut_ = true; }
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  void Send(int to, std::uint64_t channel, std::string bytes) override {
    if (!cut_) inner_->Send(to, channel, std::move(bytes));
  }
  std::optional<Message> Receive(std::uint64_t channel, double timeout_s, int from) override {
    const double deadline = MonotonicSeconds() + timeout_s;
    for (;;) {
      auto message = inner_->Receive(channel, std::max(0.0, deadline - MonotonicSeconds()), from);
      if (!message || !cut_) return message;
    }
  }
  void Close(std::uint32_t conversation) override { inner_->Close(conversation); }
  void GiveUp(int rank) override { inner_->GiveUp(rank); }

 private:
  std::unique_ptr<Transport> inner_;
  std::atomic<bool> cut_ = false;
};

// Rank 0 for the test, and workers on threads. Destroy the coordinator first: it tells them to
// leave.
class LocalCluster {
 public:
  LocalCluster(int workers, const std::function<ScriptedRole::Script(int rank)>& script_of)
      : exits_(static_cast<std::size_t>(workers)) {
    for (auto& transport : MakeLocalWorld(workers + 1)) {
      transports_.push_back(std::make_unique<CuttableTransport>(std::move(transport)));
    }
    for (int rank = 1; rank <= workers; ++rank) {
      threads_.emplace_back([this, rank, script = script_of(rank)] { Live(rank, script); });
    }
  }
  ~LocalCluster() { Join(); }
  CuttableTransport& At(int rank) { return *transports_.at(static_cast<std::size_t>(rank)); }
  void Join() {
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  // How the worker left: its exit code, or nothing when its role threw. Call after Join.
  std::optional<ExitCode> ExitOf(int rank) const {
    return exits_.at(static_cast<std::size_t>(rank - 1));
  }

 private:
  void Live(int rank, const ScriptedRole::Script& script) {
    ScriptedRole role(script);
    try {
      exits_[static_cast<std::size_t>(rank - 1)] = RunWorker(At(rank), role);
    } catch (const std::exception&) {
    }
  }

  std::vector<std::unique_ptr<CuttableTransport>> transports_;
  std::vector<std::optional<ExitCode>> exits_;
  std::vector<std::thread> threads_;
};

// Options under which a death is noticed in two seconds.
inline ClusterOptions QuickOptions() {
  ClusterOptions options;
  options.heartbeat_s = 0.05;
  options.dead_s = 2;
  options.silence_s = 4;
  options.start_s = 30;
  options.collective_s = 10;
  options.leases_per_worker = 4;
  options.commit_ms = 1;
  return options;
}

// For tests in which nobody dies: a busy machine must not look like a death.
inline ClusterOptions PatientOptions() {
  ClusterOptions options = QuickOptions();
  options.dead_s = 120;
  options.silence_s = 240;
  return options;
}

// The exit code of the Error that `action` throws.
template <class Action>
ExitCode CodeOf(Action action, std::string* what = nullptr) {
  try {
    action();
  } catch (const Error& error) {
    if (what != nullptr) *what = error.what();
    return error.code();
  }
  return ExitCode::kDone;
}

inline bool Contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace gradus
