#include "orchestrator/cluster/roster.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace gradus {

bool Roster::Add(int rank, std::string host, double now) {
  return workers_.try_emplace(rank, Worker{true, now, std::move(host), "{}", ""}).second;
}

bool Roster::IsAlive(int rank) const {
  const auto found = workers_.find(rank);
  return found != workers_.end() && found->second.alive;
}

void Roster::Seen(int rank, double now) {
  if (IsAlive(rank)) workers_.at(rank).last_seen = now;
}

void Roster::SetCounters(int rank, std::string json) {
  if (IsAlive(rank)) workers_.at(rank).counters = std::move(json);
}

void Roster::Lose(int rank, std::string reason) {
  Worker& worker = workers_[rank];
  worker.alive = false;
  worker.departure = std::move(reason);
}

std::vector<int> Roster::Silent(double now, double dead_s) const {
  std::vector<int> silent;
  for (const auto& [rank, worker] : workers_) {
    if (worker.alive && now - worker.last_seen > dead_s) silent.push_back(rank);
  }
  return silent;
}

void Roster::ForgiveSilence(double now) {
  for (auto& [rank, worker] : workers_) {
    if (worker.alive) worker.last_seen = std::max(worker.last_seen, now);
  }
}

std::vector<int> Roster::Living() const {
  std::vector<int> ranks;
  for (const auto& [rank, worker] : workers_) {
    if (worker.alive) ranks.push_back(rank);
  }
  return ranks;
}

std::vector<int> Roster::Lost() const {
  std::vector<int> ranks;
  for (const auto& [rank, worker] : workers_) {
    if (!worker.alive) ranks.push_back(rank);
  }
  return ranks;
}

std::string Roster::Departures() const {
  std::string text;
  for (const auto& [rank, worker] : workers_) {
    if (worker.alive) continue;
    if (!text.empty()) text += "; ";
    text += worker.host.empty()
                ? fmt::format("rank {}: {}", rank, worker.departure)
                : fmt::format("rank {} ({}): {}", rank, worker.host, worker.departure);
  }
  return text;
}

}  // namespace gradus
