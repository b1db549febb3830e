#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "orchestrator/comm/transport.h"

namespace gradus {

class MpiTransport;

// MPI from start to end of this process; made and destroyed on the main thread, once.
//
// How the world is left. As long as no rank was given up, all ranks meet, after their roles, in a
// barrier that is polled, and then call MPI_Finalize, also when the role of rank 0 failed. Once a
// rank was given up, Finalize could wait for it for ever, and under `mpirun --enable-recovery` a
// lost node even keeps mpirun from returning. Then rank 0, which has published everything by now,
// ends the job with MPI_Abort and its own exit code; the others wait for that for a moment and then
// end without Finalize. A worker whose role failed ends at once in that way: without recovery the
// launcher then ends the job with its exit code, with recovery the others go on. Under srun, where
// an abort would mark the job as failed, all end without Finalize.
class MpiSession {
 public:
  MpiSession();
  // In a degraded world it does not return: buffers have been flushed, files of this rank must be
  // closed.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  // Of equals each one that failed leaves at once, rank 0 too.
  enum class Kind : std::uint8_t { kCoordinatorAndWorkers, kPeers };

  // Runs `role` on a thread of its own while this thread moves its messages; returns the role's
  // exit code when its last messages have gone out (messages to the dead are abandoned after some
  // seconds). What the role throws is thrown here. Call once.
  int RunRole(const std::function<int(Transport&)>& role, Kind kind = Kind::kCoordinatorAndWorkers);
  // Called by the role: all ranks end with this code, also one that is not 0, so nobody leaves
  // alone.
  void EndTogether() { together_ = true; }

 private:
  // Moves messages until `done`; false when `limit_s` is over first.
  bool Pump(const std::function<bool()>& done, double limit_s);
  bool MeetTheOthers();
  [[noreturn]] void LeaveDegraded();

  int rank_ = 0;
  int size_ = 1;
  int exit_code_ = 0;
  std::atomic<bool> together_ = false;
  bool met_ = false;  // All ranks have come to the barrier: Finalize is safe.
  bool degraded_ = false;
  bool under_mpirun_ = false;
  std::unique_ptr<MpiTransport> transport_;
};

}  // namespace gradus
