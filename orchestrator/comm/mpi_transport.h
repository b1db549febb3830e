#pragma once
// Leaves out the C++ bindings of MPI-2, which are a library of their own.
#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "orchestrator/comm/frame.h"
#include "orchestrator/comm/mailbox.h"
#include "orchestrator/comm/transport.h"

namespace gradus {

// Throws Error(kInternal) with MPI's own words unless `code` is MPI_SUCCESS.
void CheckMpi(int code, const char* what);

// Messages between the processes of MPI_COMM_WORLD. Send, Receive, Close and GiveUp may be called
// from any thread and touch no MPI; the main thread owns MPI (MPI_THREAD_FUNNELED) and moves the
// messages in Progress. Nothing ever waits inside MPI: a call that waits for a dead rank never
// comes back.
class MpiTransport final : public Transport {
 public:
  MpiTransport(int rank, int size);

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  void Send(int to, std::uint64_t channel, std::string bytes) override;
  std::optional<Message> Receive(std::uint64_t channel, double timeout_s, int from) override;
  void Close(std::uint32_t conversation) override;
  void GiveUp(int rank) override;

  // Main thread only. Moves what can be moved at once; true if something was.
  bool Progress();
  // Main thread only. A message to or from a living rank is under way, so more will move very soon.
  bool InTransit();
  // Main thread only. Everything sent to living ranks has been handed over.
  bool Flushed();
  // Main thread only. Sleeps until somebody sends, begins to wait or wakes, which is true, or until
  // the time is over.
  bool Sleep(double seconds);
  void Wake();
  // A rank was given up: the world cannot be left together any more.
  bool degraded() const { return degraded_; }

 private:
  struct Outgoing {
    std::uint64_t channel = 0;
    std::uint64_t number = 0;
    std::string bytes;
    std::size_t sent = 0;
  };
  struct Incoming {
    MPI_Request request = MPI_REQUEST_NULL;
    std::string frame;
  };
  struct Peer {
    // Guarded by mutex_.
    std::deque<Outgoing> queue;
    std::uint64_t next_number = 0;
    bool given_up = false;
    // Main thread only.
    int in_flight = 0;
    std::deque<Incoming> arriving;  // In the order of sending; only the first is looked at.
    Reassembly reassembly;
  };

  Peer& PeerOf(int rank) { return peers_.at(static_cast<std::size_t>(rank)); }
  bool StartSends();
  bool StartSendsTo(int to);
  void StartSend(int to, std::string frame);
  bool FinishSends();
  bool StartReceives();
  bool FinishReceives();
  bool FinishReceivesFrom(int from);
  void Deliver(int from, const std::string& frame);
  void Drop(int rank, const std::string& why);
  bool IsSending() const;

  int rank_;
  int size_;
  Mailbox mailbox_;
  std::mutex mutex_;
  std::condition_variable queued_;
  bool sleeping_ = false;     // Guarded by mutex_: the main thread is in Sleep.
  bool awake_ = false;        // Guarded by mutex_: somebody did since the last Progress.
  std::set<int> with_queue_;  // Guarded by mutex_: ranks whose queue is not empty.
  std::atomic<bool> degraded_ = false;
  std::vector<Peer> peers_;
  std::set<int> arriving_from_;
  // Sends in flight: requests, and beside each its receiver and its bytes. A frame to a dead rank
  // stays here for ever, since MPI may still read it.
  std::vector<MPI_Request> requests_;
  struct Flight {
    int to = 0;
    std::string frame;
  };
  std::vector<std::unique_ptr<Flight>> flights_;
};

}  // namespace gradus
