#include "orchestrator/comm/mpi_session.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <limits>
#include <thread>

#include "orchestrator/comm/mpi_transport.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();
constexpr double kFlushSeconds = 10;  // For the last messages of this rank.
constexpr double kLostFlushSeconds = 1;
constexpr double kMeetSeconds = 60;  // For the slowest rank to finish its role.
constexpr double kAbortSeconds = 5;  // For the end of rank 0 to reach this rank.
constexpr double kTransitSleep = 20e-6;
constexpr double kGraceSeconds = 0.5;  // For the others to read that they should leave.

// How long to sleep when there is nothing to move: not at all at first, since answers often come at
// once, then a part of the time that the role has waited, so that no wait grows by more than that
// part; a rank that is long idle wakes 200 times a second.
class Backoff {
 public:
  void OnMove() { moved_ = since_ = MonotonicSeconds(); }
  // The role began to wait, or sent.
  void OnWish() { since_ = MonotonicSeconds(); }
  double NextSleep() const {
    const double now = MonotonicSeconds();
    const double waited = now - since_;
    if (waited < kSpinSeconds) return 0;
    const double longest = now - moved_ > kLongSilenceSeconds ? kLongestSleep : kLongSleep;
    return std::clamp(waited * kPart, kShortSleep, longest);
  }

 private:
  static constexpr double kSpinSeconds = 50e-6;
  static constexpr double kPart = 0.125;
  static constexpr double kShortSleep = 20e-6;
  static constexpr double kLongSleep = 1e-3;
  static constexpr double kLongestSleep = 5e-3;
  static constexpr double kLongSilenceSeconds = 1;
  double moved_ = MonotonicSeconds(), since_ = moved_;
};

}  // namespace

MpiSession::MpiSession() {
  // Set by mpirun before the start; under srun MPI_Init sets it itself.
  under_mpirun_ = std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr;
  int level = MPI_THREAD_SINGLE;
  CheckMpi(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &level), "MPI_Init_thread");
  CheckMpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  Require(level >= MPI_THREAD_FUNNELED, "this MPI library does not support MPI_THREAD_FUNNELED");
  CheckMpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  CheckMpi(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  transport_ = std::make_unique<MpiTransport>(rank_, size_);
}

MpiSession::~MpiSession() {
  const bool unwinding = std::uncaught_exceptions() > 0;
  if (!degraded_ && (met_ || !unwinding)) {
    MPI_Finalize();
    return;
  }
  // MPI may still read and write the buffers of the transport: they end with the process.
  static_cast<void>(transport_.release());
  if (!unwinding) LeaveDegraded();
}

int MpiSession::RunRole(const std::function<int(Transport&)>& role, Kind kind) {
  std::atomic<bool> finished = false;
  std::exception_ptr failure;
  std::thread thread([&] {
    try {
      exit_code_ = role(*transport_);
    } catch (...) {
      failure = std::current_exception();
    }
    finished = true;
    transport_->Wake();
  });
  try {
    Pump([&] { return finished.load(); }, kForever);
  } catch (const std::exception& error) {
    // Without messages this rank is useless, and its role may wait for one for ever.
    LogLine(error.what());
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ExitCode::kInternal));
  }
  thread.join();
  // Of equals some may be dead, and nobody has given them up: their messages are not waited for.
  const bool failed = failure || (exit_code_ != 0 && !together_);
  const bool lost =
      kind == Kind::kPeers && failed && exit_code_ != static_cast<int>(ExitCode::kStopped);
  Pump([this] { return transport_->Flushed(); }, lost ? kLostFlushSeconds : kFlushSeconds);
  // A worker that failed has been given up by the others, who go on without it.
  const bool leaves = lost || (rank_ != 0 && failed);
  met_ = !leaves && !transport_->degraded() && MeetTheOthers();
  degraded_ = !met_;
  if (failure) std::rethrow_exception(failure);
  return exit_code_;
}

bool MpiSession::Pump(const std::function<bool()>& done, double limit_s) {
  const double deadline = MonotonicSeconds() + limit_s;
  Backoff backoff;
  while (!done()) {
    if (transport_->Progress()) {
      backoff.OnMove();
      continue;
    }
    if (MonotonicSeconds() > deadline) return false;
    // A long message needs several rounds of both sides: keep them short.
    const double sleep = transport_->InTransit() ? kTransitSleep : backoff.NextSleep();
    if (sleep > 0 && transport_->Sleep(sleep)) backoff.OnWish();
  }
  return true;
}

bool MpiSession::MeetTheOthers() {
  MPI_Request barrier = MPI_REQUEST_NULL;
  if (MPI_Ibarrier(MPI_COMM_WORLD, &barrier) != MPI_SUCCESS) return false;
  const auto everybody_came = [&] {
    int done = 0;
    CheckMpi(MPI_Test(&barrier, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  };
  return Pump(everybody_came, kMeetSeconds);
}

void MpiSession::LeaveDegraded() {
  std::fflush(nullptr);
  if (rank_ == 0 && under_mpirun_) {
    std::this_thread::sleep_for(std::chrono::duration<double>(kGraceSeconds));
    MPI_Abort(MPI_COMM_WORLD, exit_code_);
  } else if (under_mpirun_ && exit_code_ == 0) {
    // To end now, without Finalize, could look to the launcher like a crash while rank 0 is still
    // at work.
    std::this_thread::sleep_for(std::chrono::duration<double>(kAbortSeconds));
  }
  _exit(exit_code_);
}

}  // namespace gradus
