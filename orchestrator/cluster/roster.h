#pragma once
#include <map>
#include <string>
#include <vector>

namespace gradus {

// Who is alive, by when it was last heard. Pure logic on the caller's clock (seconds).
class Roster {
 public:
  struct Worker {
    bool alive = true;
    double last_seen = 0;
    std::string host;
    std::string counters;   // JSON object text of the last heartbeat.
    std::string departure;  // Why it is not alive.
  };

  // False when the rank is known already, alive or lost.
  bool Add(int rank, std::string host, double now);
  bool IsAlive(int rank) const;
  // No effect on a worker that was lost: it stays lost.
  void Seen(int rank, double now);
  void SetCounters(int rank, std::string json);
  void Lose(int rank, std::string reason);
  // The living that were silent for longer than `dead_s`.
  std::vector<int> Silent(double now, double dead_s) const;
  // After a time in which nobody listened, silence so far says nothing.
  void ForgiveSilence(double now);

  std::vector<int> Living() const;
  std::vector<int> Lost() const;
  const Worker& At(int rank) const { return workers_.at(rank); }
  // "rank 2 (node7): silent for 30.0 s; rank 3 ...": one line for messages.
  std::string Departures() const;

 private:
  std::map<int, Worker> workers_;
};

}  // namespace gradus
