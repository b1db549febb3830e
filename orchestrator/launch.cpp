#include "orchestrator/launch.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "orchestrator/mpi_session.h"
#include "orchestrator/stop_signal.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

int FromEnvironment(const char* name, int otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr ? otherwise : std::atoi(value);
}

// Ranks of the job as the launcher says: Open MPI's mpirun, or srun with PMIx.
int LauncherSize() {
  if (std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr)
    return FromEnvironment("OMPI_COMM_WORLD_SIZE", 1);
  if (std::getenv("PMIX_RANK") != nullptr) return FromEnvironment("SLURM_NTASKS", 1);
  return 1;
}

int RunHere(const std::function<int(Transport&)>& role, Transport& transport) {
  try {
    return role(transport);
  } catch (const Error& error) {
    Log("gradus: {}", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    Log("gradus: internal error: {}", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}

int PrepareCode(const std::function<void()>& prepare) {
  try {
    prepare();
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "gradus: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gradus: internal error: %s\n", error.what());
    return static_cast<int>(ExitCode::kInternal);
  }
}

int LaunchAlone(const Roles& roles) {
  if (const int code = PrepareCode(roles.prepare); code != 0) return code;
  auto world = MakeLocalWorld(2);
  std::thread worker([&] { RunHere(roles.work, *world[1]); });
  const int code = RunHere(roles.coordinate, *world[0]);
  worker.join();
  return code;
}

// The one collective of the program: whether rank 0 could prepare.
int AgreedCode(int code) {
  int worst = code;
  MPI_Allreduce(&code, &worst, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
  return worst;
}

// A worker that lost its coordinator speaks for it when nobody else did.
int LeaveWorkerCode(int code) {
  const char* file = std::getenv("GRADUS_EXIT_FILE");
  if (file != nullptr && code == static_cast<int>(ExitCode::kCoordinatorLost)) {
    std::error_code unreadable;
    if (fs::file_size(file, unreadable) == 0 || unreadable) return LeaveExitCode(code);
  }
  return code;
}

}  // namespace

int LeaveExitCode(int code) {
  if (const char* file = std::getenv("GRADUS_EXIT_FILE"))
    WriteFileAtomically(file, std::to_string(code) + "\n");
  return code;
}

int LauncherRank() {
  if (std::getenv("OMPI_COMM_WORLD_RANK") != nullptr)
    return FromEnvironment("OMPI_COMM_WORLD_RANK", 0);
  return FromEnvironment("PMIX_RANK", 0);
}

int Launch(const Roles& roles) {
  if (LauncherSize() <= 1) return LeaveExitCode(LaunchAlone(roles));
  MpiSession session;
  const int prepared = AgreedCode(session.rank() == 0 ? PrepareCode(roles.prepare) : 0);
  if (prepared != 0) return session.rank() == 0 ? LeaveExitCode(prepared) : prepared;
  // The launcher forwards signals to everybody; workers wait for the coordinator's word.
  if (session.rank() != 0) IgnoreStopSignals();
  const auto& role = session.rank() == 0 ? roles.coordinate : roles.work;
  const int code = session.RunRole([&](Transport& transport) { return RunHere(role, transport); });
  return session.rank() == 0 ? LeaveExitCode(code) : LeaveWorkerCode(code);
}

int LaunchPeers(const std::function<void()>& prepare, const std::function<int(Transport&)>& role) {
  CatchStopSignals();
  if (LauncherSize() <= 1) {
    if (const int code = PrepareCode(prepare); code != 0) return LeaveExitCode(code);
    return LeaveExitCode(RunHere(role, *MakeLocalWorld(1)[0]));
  }
  MpiSession session;
  SetLogPrefix(fmt::format("[rank {}] ", session.rank()));
  const int prepared = AgreedCode(session.rank() == 0 ? PrepareCode(prepare) : 0);
  if (prepared != 0) return session.rank() == 0 ? LeaveExitCode(prepared) : prepared;
  const int code = session.RunRole([&](Transport& transport) { return RunHere(role, transport); },
                                   MpiSession::Kind::kPeers);
  // Whoever survives rank 0 speaks for it.
  const bool lost = code == static_cast<int>(ExitCode::kTrainersLost);
  return session.rank() == 0 || lost ? LeaveExitCode(code) : code;
}

}  // namespace gradus
