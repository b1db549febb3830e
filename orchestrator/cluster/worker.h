#pragma once
#include <functional>
#include <string>

#include "orchestrator/comm/transport.h"
#include "schemas/base/error.h"
#include "schemas/ids.h"
#include "trainer/collectives/collectives.h"

namespace gradus {

// What a worker rank does with the orders it gets; the real one searches and trains, tests use a
// scripted one.
class WorkerRole {
 public:
  virtual ~WorkerRole() = default;
  virtual void Setup(const std::string& setup) = 0;
  // Before the first lease of a lease run: load the models the order names. May take long
  // (heartbeats go on).
  virtual void BeginLeases(const std::string& order) = 0;
  // Starts one unit of work and returns at once; `done(result)` or `failed(reason)` is called
  // later, from any thread.
  virtual void Start(const Key& key, const std::string& payload,
                     std::function<void(std::string)> done,
                     std::function<void(std::string)> failed) = 0;
  // Drops what is in flight (their callbacks are not called any more after it returns) and frees
  // the models.
  virtual void EndLeases() = 0;
  // Trains as a member of the group; blocks (own thread). Returns the report as JSON text.
  virtual std::string Train(const std::string& order, PeerLink& link,
                            const std::function<void(std::string progress_json)>& progress,
                            const std::function<bool()>& stop) = 0;
  // JSON object text for the heartbeat: tokens, programs, busy seconds …
  virtual std::string Counters() = 0;
};

// A worker's whole life: hello, orders, leases, heartbeats, until the coordinator says leave
// (returns kDone) or is silent for silence_s (returns kCoordinatorLost).
ExitCode RunWorker(Transport& transport, WorkerRole& role);

}  // namespace gradus
