#pragma once
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/cluster/options.h"
#include "orchestrator/cluster/protocol.h"
#include "orchestrator/cluster/roster.h"
#include "orchestrator/comm/transport.h"

namespace gradus {

// The workers as rank 0 sees them: who is there, what they say, who has gone. Lease runs and group
// runs are written on top of it. One thread calls; a second one, inside, tells the workers that the
// coordinator lives, also while the caller is busy with something else.
class Workforce {
 public:
  // Waits for the hellos of all ranks up to start_s and welcomes each with `setup`. Throws
  // Error(kBadInput) with counts when fewer than min_workers came.
  Workforce(Transport& transport, const ClusterOptions& options, std::uint32_t epoch,
            std::string setup);
  // Tells the workers to leave, unless Dismiss did.
  ~Workforce();
  Workforce(const Workforce&) = delete;
  Workforce& operator=(const Workforce&) = delete;

  template <class T>
  void Send(int rank, const T& message) {
    transport_.Send(rank, kControlChannel, Encode(epoch_, message));
  }
  // The next message of a living worker that is not about liveness (that kind is taken care of
  // here).
  std::optional<Message> Next(double timeout_s);

  struct Departure {
    int rank = 0;
    std::string reason;
  };
  // The workers that were found dead or gone since the last call; nothing reaches them any more.
  std::vector<Departure> TakeDepartures();
  void Lose(int rank, const std::string& reason);
  // Throws Error(kTrainersLost), which asks for a relaunch, when fewer than min_workers are alive.
  void RequireEnough() const;
  // Tells every worker to leave. Last of all: what is not published by then, is not.
  void Dismiss();

  // Numbers the lease runs and the groups of this epoch. From 1: conversation 0 is control traffic.
  std::uint32_t NextRun() { return next_run_++; }

  const Roster& roster() const { return roster_; }
  const ClusterOptions& options() const { return options_; }
  // The living that search, and the living that train, under the placement.
  std::vector<int> Searchers() const;
  std::vector<int> Trainers() const;

 private:
  void Assemble(const std::string& setup);
  // Silence counts only while somebody listens: after a long commit, or between runs, everybody
  // gets dead_s anew.
  void NoteListening();
  bool IsDedicatedTrainer(int rank) const;
  void Pulse(const std::stop_token& stop);

  Transport& transport_;
  ClusterOptions options_;
  std::uint32_t epoch_;
  Roster roster_;
  std::vector<Departure> departures_;
  double last_listened_ = 0;
  bool dismissed_ = false;
  std::uint32_t next_run_ = 1;
  std::mutex pulse_mutex_;
  std::condition_variable_any pulse_stopped_;
  std::jthread pulse_;  // Last: stopped before what it uses goes.
};

}  // namespace gradus
