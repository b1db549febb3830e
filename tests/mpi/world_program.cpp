// One run of coordinator and workers over MPI with scripted roles. Without arguments everybody
// lives; the exit code says whether all came out right. With `MODE RECORD` somebody kills itself,
// and what the survivors achieved is written to RECORD (rank 0) and RECORD.<rank> (workers), since
// mpirun's exit code says nothing about a run that lost a rank. MODE idle measures what waiting
// costs; with MODE error the coordinator refuses the run, which must show in the exit code of
// mpirun.
#include <csignal>
#include <ctime>
#include <fstream>
#include <string>
#include <utility>

#include "orchestrator/cluster/group_run.h"
#include "orchestrator/cluster/lease_run.h"
#include "orchestrator/cluster/worker.h"
#include "orchestrator/comm/mpi_session.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "tests/fakes/listed_work.h"
#include "tests/fakes/scripted_role.h"

namespace gradus {
namespace {

constexpr std::uint32_t kKeys = 200;
constexpr int kVictim = 2;

struct Scene {
  std::string mode;  // "", "leases", "train", "coordinator", "idle" or "error".
  std::string record;
};

void Expect(bool condition, const std::string& what) {
  if (!condition) throw Error("not as expected: " + what, ExitCode::kInternal);
}

void Write(const std::string& path, const std::string& text) {
  if (!path.empty()) std::ofstream(path) << text;
}

// Sizes around every limit: eager, rendezvous, one frame, many frames.
std::size_t SizeOf(std::uint32_t problem) {
  constexpr std::size_t kSizes[] = {0, 10, 4096, 60'000, 70'000, 1 << 20, 3'333'333};
  return kSizes[problem % std::size(kSizes)];
}

std::string Pattern(std::uint32_t seed, std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(seed + i * i);
  return text;
}

// Every member sends every other 5 MB and checks what it gets: the first one reports how many took
// part.
std::string Exchange(PeerLink& link) {
  constexpr std::size_t kSize = 5'000'000;
  constexpr int kTurns = 4;
  for (std::uint32_t turn = 0; turn < kTurns; ++turn) {
    for (int to = 0; to < link.size(); ++to) {
      if (to != link.rank())
        link.Send(to, turn, Pattern(static_cast<std::uint32_t>(link.rank()), kSize));
    }
    for (int from = 0; from < link.size(); ++from) {
      if (from == link.rank()) continue;
      Expect(link.Receive(from, turn, 60) == Pattern(static_cast<std::uint32_t>(from), kSize),
             "bytes of a training peer");
    }
  }
  return std::to_string(link.size());
}

ScriptedRole::Script ScriptOf(int rank, const Scene& scene) {
  const bool victim = rank == kVictim;
  return {.start =
              [=](const Key& key, const std::string& payload, auto done, auto) {
                Expect(payload == "p" + std::to_string(key.problem), "payload of a lease");
                if (victim && scene.mode == "leases" && key.problem > 20) std::raise(SIGKILL);
                done(Pattern(key.problem, SizeOf(key.problem)));
              },
          .train =
              [=](const std::string&, PeerLink& link, const auto&, const auto&) {
                if (victim && scene.mode == "train") {
                  // Dies in the middle of a long message.
                  link.Send(0, 0, std::string(64 << 20, 'x'));
                  std::raise(SIGKILL);
                }
                return Exchange(link);
              }};
}

ClusterOptions Options() {
  ClusterOptions options;
  options.heartbeat_s = 0.1;
  options.dead_s = 3;
  options.silence_s = 5;
  options.collective_s = 60;
  options.leases_per_worker = 8;
  return options;
}

void RunAllLeases(Workforce& workforce, const Scene& scene) {
  ListedWork work;
  work.on_accept = [&](const Key&) {
    if (scene.mode == "coordinator" && work.accepted.size() == 50) std::raise(SIGKILL);
  };
  RunLeases(workforce, "order", Keys(kKeys), work);
  Expect(work.accepted.size() == kKeys, "all keys accepted");
  for (const auto& [key, bytes] : work.accepted) {
    Expect(bytes == Pattern(key.problem, SizeOf(key.problem)), "bytes of a result");
  }
}

double CpuSeconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + 1e-9 * static_cast<double>(used.tv_nsec);
}

// The share of one core that this process uses since Start.
class CpuMeter {
 public:
  void Start() { wall_ = MonotonicSeconds(), cpu_ = CpuSeconds(); }
  void ExpectIdle(const char* who) const {
    const double share = (CpuSeconds() - cpu_) / (MonotonicSeconds() - wall_);
    Log("{} used {:.2f} % of a core while idle", who, 100 * share);
    Expect(share < 0.03, std::string(who) + " is idle");
  }

 private:
  double wall_ = 0, cpu_ = 0;
};

// The only key is never answered; after some seconds of waiting the run is stopped.
int CoordinateIdly(Transport& transport) {
  Workforce workforce(transport, ClusterOptions{}, 1, "");
  CpuMeter meter;
  const double start = MonotonicSeconds();
  bool measuring = false;
  ListedWork work;
  work.stop = [&] {
    const double waited = MonotonicSeconds() - start;
    if (waited > 2 && !std::exchange(measuring, true)) meter.Start();
    return waited > 5;
  };
  try {
    RunLeases(workforce, "", {Key{}}, work);
  } catch (const Error&) {
    meter.ExpectIdle("the coordinator");
  }
  workforce.Dismiss();
  return 0;
}

int WorkIdly(Transport& transport) {
  CpuMeter meter;
  ScriptedRole role({.start = [&](const Key&, const std::string&, auto, auto) { meter.Start(); },
                     .end = [&] { meter.ExpectIdle("the worker"); }});
  return static_cast<int>(RunWorker(transport, role));
}

int Coordinate(Transport& transport, const Scene& scene) {
  if (scene.mode == "idle") return CoordinateIdly(transport);
  if (scene.mode == "error") {
    ClusterOptions options = Options();
    options.min_workers = 100;
    Workforce(transport, options, 1, "");
  }
  if (transport.size() == 1) {
    try {
      Workforce(transport, Options(), 1, "");
    } catch (const Error& error) {
      Expect(error.code() == ExitCode::kBadInput, "a lone coordinator is bad input");
      return 0;
    }
    Expect(false, "a lone coordinator is refused");
  }
  Workforce workforce(transport, Options(), 1, "");
  RunAllLeases(workforce, scene);
  ListedWatch watch;
  const std::string members = RunGroup(workforce, "order", watch);
  const int lost = scene.mode.empty() ? 0 : 1;
  Expect(members == std::to_string(transport.size() - 1 - lost), "size of the training group");
  RunAllLeases(workforce, scene);
  Write(scene.record, "done");
  workforce.Dismiss();
  return 0;
}

int Work(Transport& transport, const Scene& scene) {
  if (scene.mode == "idle") return WorkIdly(transport);
  ScriptedRole role(ScriptOf(transport.rank(), scene));
  const ExitCode code = RunWorker(transport, role);
  if (!scene.record.empty()) {
    Write(scene.record + "." + std::to_string(transport.rank()),
          std::to_string(static_cast<int>(code)));
  }
  return static_cast<int>(code);
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  const gradus::Scene scene{argc > 1 ? argv[1] : "", argc > 2 ? argv[2] : ""};
  try {
    gradus::MpiSession session;
    gradus::SetLogPrefix("[rank " + std::to_string(session.rank()) + "] ");
    return session.RunRole([&](gradus::Transport& transport) {
      return transport.rank() == 0 ? gradus::Coordinate(transport, scene)
                                   : gradus::Work(transport, scene);
    });
  } catch (const gradus::Error& error) {
    gradus::LogLine(error.what());
    return static_cast<int>(error.code());
  }
}
