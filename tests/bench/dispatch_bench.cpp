// How many leases go out and come back as accepted results in a second: `bench_dispatch [keys]
// [bytes]` between threads, under mpirun between processes. One line of JSON.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "orchestrator/cluster/lease_run.h"
#include "orchestrator/cluster/worker.h"
#include "orchestrator/comm/mpi_session.h"
#include "schemas/base/log.h"
#include "tests/fakes/scripted_role.h"

namespace gradus {
namespace {

struct Load {
  std::uint32_t keys = 100'000;
  std::size_t bytes = 1024;
};

// Payloads of a size; the results are dropped.
class SizedWork final : public LeasedWork {
 public:
  explicit SizedWork(std::size_t bytes) : payload_(bytes, 'p') {}
  std::string Payload(const Key&) override { return payload_; }
  void Accept(const Key&, const std::string&) override {}
  void Abandon(const Key&, const std::string&) override {}
  void Commit() override {}
  void Show(const LeaseProgress&) override {}
  void NoteLost(int, const std::string&, std::size_t) override {}
  bool StopWasAsked() override { return false; }

 private:
  std::string payload_;
};

int Work(Transport& transport, const Load& load) {
  const std::string answer(load.bytes, 'r');
  ScriptedRole role(
      {.start = [&](const Key&, const std::string&, auto done, auto) { done(answer); }});
  return static_cast<int>(RunWorker(transport, role));
}

int Coordinate(Transport& transport, const Load& load) {
  Workforce workforce(transport, ClusterOptions{}, 1, "");
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < load.keys; ++i) keys.push_back({1, Phase::kRollout, i, 0});
  SizedWork work(load.bytes);
  const double start = MonotonicSeconds();
  RunLeases(workforce, "", keys, work);
  const double seconds = MonotonicSeconds() - start;
  workforce.Dismiss();
  fmt::print(
      "{{\"ranks\":{},\"keys\":{},\"bytes\":{},\"seconds\":{:.3f},\"round_trips_per_s\":{:.0f}}}\n",
      transport.size(), load.keys, load.bytes, seconds, load.keys / seconds);
  return 0;
}

int RunBetweenThreads(const Load& load) {
  auto world = MakeLocalWorld(3);
  std::vector<std::jthread> workers;
  for (int rank = 1; rank < 3; ++rank) {
    workers.emplace_back([&, rank] { Work(*world[static_cast<std::size_t>(rank)], load); });
  }
  return Coordinate(*world[0], load);
}

int RunBetweenProcesses(const Load& load) {
  MpiSession session;
  return session.RunRole([&](Transport& transport) {
    return transport.rank() == 0 ? Coordinate(transport, load) : Work(transport, load);
  });
}

}  // namespace
}  // namespace gradus

int main(int argc, char** argv) {
  gradus::Load load;
  if (argc > 1) load.keys = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
  if (argc > 2) load.bytes = std::strtoul(argv[2], nullptr, 10);
  const bool under_mpirun = std::getenv("OMPI_COMM_WORLD_SIZE") != nullptr;
  return under_mpirun ? gradus::RunBetweenProcesses(load) : gradus::RunBetweenThreads(load);
}
