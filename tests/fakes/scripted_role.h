#pragma once
#include <functional>
#include <string>
#include <utility>

#include "orchestrator/cluster/worker.h"

namespace gradus {

// A worker that answers from a script instead of searching and training. What a test leaves out
// does nothing; a lease is answered at once with "<key> <payload>".
class ScriptedRole final : public WorkerRole {
 public:
  using Done = std::function<void(std::string)>;
  using Progress = std::function<void(std::string)>;
  using Stop = std::function<bool()>;
  struct Script {
    std::function<void(const std::string&)> setup = {};
    std::function<void(const std::string&)> begin = {};
    std::function<void(const Key&, const std::string&, Done, Done)> start = {};
    std::function<std::string(const std::string&, PeerLink&, const Progress&, const Stop&)> train =
        {};
    std::function<void()> end = {};
  };

  explicit ScriptedRole(Script script) : script_(std::move(script)) {}
  void Setup(const std::string& setup) override {
    if (script_.setup) script_.setup(setup);
  }
  void BeginLeases(const std::string& order) override {
    if (script_.begin) script_.begin(order);
  }
  void Start(const Key& key, const std::string& payload, Done done, Done failed) override {
    if (script_.start) {
      script_.start(key, payload, std::move(done), std::move(failed));
    } else {
      done(ToString(key) + " " + payload);
    }
  }
  void EndLeases() override {
    if (script_.end) script_.end();
  }
  std::string Train(const std::string& order, PeerLink& link, const Progress& progress,
                    const Stop& stop) override {
    return script_.train ? script_.train(order, link, progress, stop) : "{}";
  }
  std::string Counters() override { return "{}"; }

 private:
  Script script_;
};

}  // namespace gradus
