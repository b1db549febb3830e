#pragma once
#include <functional>

#include "orchestrator/comm/transport.h"

namespace gradus {

// What the processes of one `gradus run` do.
struct Roles {
  // On rank 0 before anything else: reads and checks the configuration. An Error here ends all
  // ranks with its code, and is printed once.
  std::function<void()> prepare;
  std::function<int(Transport&)> coordinate;  // Rank 0; returns the exit code.
  std::function<int(Transport&)> work;        // Every other rank.
};

// Under mpirun or srun: one role by rank over MPI. Alone (no launcher, or one rank): coordinator
// and one worker as threads of this process.
int Launch(const Roles& roles);

// A group of equals: `prepare` on rank 0 as above, then `role` on every rank, under a launcher or
// alone. Until then a rank that dies is noticed too: when MPI has not come up, or rank 0 been
// heard, for `deadline_s`. SIGINT, SIGTERM and SIGUSR1 reach every rank as StopWasAsked.
int LaunchPeers(const std::function<void()>& prepare, const std::function<int(Transport&)>& role,
                double deadline_s);

// The launch scripts read how the run ended in the file that GRADUS_EXIT_FILE names, since a
// launcher that survives dead ranks does not tell. Returns the code.
int LeaveExitCode(int code);

// Under a launcher: this process' rank, before MPI is started; 0 without a launcher.
int LauncherRank();

}  // namespace gradus
