#include "orchestrator/launch/launch.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <thread>

#include "orchestrator/comm/mpi_session.h"
#include "orchestrator/launch/every_so_often.h"
#include "orchestrator/launch/start.h"
#include "orchestrator/launch/stop_signal.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kStartSeconds = 600;  // Large jobs come up slowly.
constexpr double kSilenceSeconds = 60;

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

// The exit code of `action`; what it throws is told in one line.
int CodeOf(const std::function<int()>& action, void (*tell)(std::string_view line)) {
  try {
    return action();
  } catch (const Error& error) {
    tell(fmt::format("gradus: {}", error.what()));
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    tell(fmt::format("gradus: internal error: {}", error.what()));
    return static_cast<int>(ExitCode::kInternal);
  }
}

int RunHere(const std::function<int(Transport&)>& role, Transport& transport) {
  return CodeOf([&] { return role(transport); }, LogLine);
}

// Before the run there is no log: the line stands alone.
int PrepareCode(const std::function<void()>& prepare) {
  const auto action = [&] {
    prepare();
    return 0;
  };
  return CodeOf(action, [](std::string_view line) { fmt::print(stderr, "{}\n", line); });
}

int LaunchAlone(const Roles& roles) {
  if (const int code = PrepareCode(roles.prepare); code != 0) return code;
  auto world = MakeLocalWorld(2);
  std::thread worker([&] { RunHere(roles.work, *world[1]); });
  const int code = RunHere(roles.coordinate, *world[0]);
  worker.join();
  return code;
}

// A rank that dies in MPI_Init leaves the others waiting there for ever.
std::unique_ptr<MpiSession> StartMpi(double limit_s, ExitCode lost) {
  const EverySoOften overdue(limit_s, [=] {
    Log("gradus: MPI did not start within {} s: a rank has died or cannot be reached", limit_s);
    _exit(LeaveExitCode(static_cast<int>(lost)));
  });
  return std::make_unique<MpiSession>();
}

// One role of a world that `session` spans, after rank 0 has prepared for all.
int RunPrepared(MpiSession& session, const std::function<void()>& prepare,
                const std::function<int(Transport&)>& role, double silence_s, ExitCode lost,
                MpiSession::Kind kind) {
  const auto body = [&](Transport& transport) {
    const auto prepared = PrepareTogether(
        transport, [&] { return PrepareCode(prepare); }, silence_s);
    if (!prepared) {
      Log("gradus: rank 0 sent nothing for {} s: it has died or hangs", silence_s);
      return static_cast<int>(lost);
    }
    if (*prepared != 0) {
      session.EndTogether();
      return *prepared;
    }
    return RunHere(role, transport);
  };
  return session.RunRole(body, kind);
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
  const auto session = StartMpi(kStartSeconds, ExitCode::kCoordinatorLost);
  // The launcher forwards signals to everybody; workers wait for the coordinator's word.
  if (session->rank() != 0) IgnoreStopSignals();
  const auto& role = session->rank() == 0 ? roles.coordinate : roles.work;
  const int code =
      RunPrepared(*session, roles.prepare, role, kSilenceSeconds, ExitCode::kCoordinatorLost,
                  MpiSession::Kind::kCoordinatorAndWorkers);
  return session->rank() == 0 ? LeaveExitCode(code) : LeaveWorkerCode(code);
}

int LaunchPeers(const std::function<void()>& prepare, const std::function<int(Transport&)>& role,
                double deadline_s) {
  CatchStopSignals();
  if (LauncherSize() <= 1) {
    if (const int code = PrepareCode(prepare); code != 0) return LeaveExitCode(code);
    return LeaveExitCode(RunHere(role, *MakeLocalWorld(1)[0]));
  }
  const auto session = StartMpi(deadline_s, ExitCode::kTrainersLost);
  SetLogPrefix(fmt::format("[rank {}] ", session->rank()));
  const int code = RunPrepared(*session, prepare, role, deadline_s, ExitCode::kTrainersLost,
                               MpiSession::Kind::kPeers);
  // Whoever survives rank 0 speaks for it.
  const bool lost = code == static_cast<int>(ExitCode::kTrainersLost);
  return session->rank() == 0 || lost ? LeaveExitCode(code) : code;
}

}  // namespace gradus
