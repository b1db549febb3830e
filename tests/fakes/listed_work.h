#pragma once
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "orchestrator/cluster/group_run.h"
#include "orchestrator/cluster/lease_run.h"
#include "schemas/base/error.h"

namespace gradus {

// Lists what a lease run did for it; a payload is "p<problem>". A test hooks in where it wants.
class ListedWork final : public LeasedWork {
 public:
  std::map<Key, std::string> accepted, abandoned;
  std::map<int, std::size_t> lost;  // Rank → its leases.
  std::string reasons;              // Of the losses.
  std::size_t committed = 0;        // Accepted by the last commit.
  LeaseProgress progress;
  std::function<void(const Key&)> on_accept = [](const Key&) {};
  std::function<void()> on_commit = [] {}, on_show = [] {}, on_lost = [] {};
  std::function<bool()> stop = [] { return false; };

  std::string Payload(const Key& key) override { return "p" + std::to_string(key.problem); }
  void Accept(const Key& key, const std::string& result) override {
    Require(accepted.emplace(key, result).second, "a key was accepted twice");
    on_accept(key);
  }
  void Abandon(const Key& key, const std::string& reason) override {
    Require(abandoned.emplace(key, reason).second, "a key was given up twice");
  }
  void Commit() override {
    committed = accepted.size();
    on_commit();
  }
  void Show(const LeaseProgress& now) override {
    progress = now;
    on_show();
  }
  void NoteLost(int rank, const std::string& reason, std::size_t leases) override {
    lost[rank] = leases;
    reasons += reason;
    on_lost();
  }
  bool StopWasAsked() override { return stop(); }
};

// The same for a group run.
class ListedWatch final : public GroupWatch {
 public:
  std::vector<std::string> steps;
  std::map<int, std::string> lost;  // Rank → reason.
  std::function<bool()> stop = [] { return false; };

  void Show(const std::string& progress) override { steps.push_back(progress); }
  void NoteLost(int rank, const std::string& reason) override { lost[rank] = reason; }
  bool StopWasAsked() override { return stop(); }
};

// `count` keys of the first round's search.
inline std::vector<Key> Keys(std::uint32_t count) {
  std::vector<Key> keys;
  for (std::uint32_t i = 0; i < count; ++i) keys.push_back({1, Phase::kRollout, i, 0});
  return keys;
}

}  // namespace gradus
