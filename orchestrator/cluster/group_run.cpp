#include "orchestrator/cluster/group_run.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <vector>

#include "orchestrator/cluster/protocol.h"
#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr double kTickSeconds = 0.1;
constexpr int kFruitlessAttempts = 3;

// See RunGroup.
class GroupRun {
 public:
  GroupRun(Workforce& workforce, GroupWatch& watch)
      : workforce_(workforce), options_(workforce.options()), watch_(watch) {}
  std::string Run(const std::string& order);

 private:
  enum class Member : std::uint8_t { kTraining, kDone, kFailed, kLost };
  enum class Outcome : std::uint8_t { kDone, kBroken, kStopped };

  void Form(const std::string& order);
  // Until the group is done, broken or has stopped on request.
  Outcome Watch();
  void Handle(const Message& message);
  void OnFailed(int rank, const TrainFailed& failed);
  void OnProgress(const std::string& json);
  void ReportStall(double now);
  void RemoveTheDead();
  bool AnyIs(Member state) const;
  // Tells the others that the group is over and waits until all have left it.
  void Dissolve();
  // Throws when another attempt makes no sense.
  void Judge();
  // A member complained about a silent peer: wait until each worker has shown that it lives, or is
  // dead.
  void AwaitSignsOfLife();
  void Step();

  Workforce& workforce_;
  const ClusterOptions& options_;
  GroupWatch& watch_;

  std::uint32_t group_ = 0;
  std::vector<int> members_;
  std::map<int, Member> states_;
  std::string report_;
  std::string failure_;
  ExitCode failure_code_ = ExitCode::kInternal;
  double last_progress_ = 0;
  double next_stall_ = 0;
  int fruitless_ = 0;     // Attempts that failed, without a death, before a new step was reached.
  double furthest_ = -1;  // Step reached by this attempt and by all before it.
  double furthest_before_ = -1;
};

std::string GroupRun::Run(const std::string& order) {
  for (;;) {
    RemoveTheDead();
    Form(order);
    const Outcome outcome = Watch();
    Dissolve();
    if (outcome == Outcome::kDone) return report_;
    if (outcome == Outcome::kStopped) {
      throw Error("training stopped on request, state is saved: run again to continue",
                  ExitCode::kStopped);
    }
    Judge();
  }
}

void GroupRun::Form(const std::string& order) {
  members_ = workforce_.Trainers();
  if (members_.empty()) {
    throw Error(fmt::format("no worker that trains is left ({}): relaunch to continue",
                            workforce_.roster().Departures()),
                ExitCode::kTrainersLost);
  }
  group_ = workforce_.NextRun();
  states_.clear();
  failure_.clear();
  for (const int rank : members_) states_[rank] = Member::kTraining;
  last_progress_ = MonotonicSeconds();
  next_stall_ = last_progress_ + options_.stall_s;
  for (const int rank : members_) workforce_.Send(rank, TrainStart{group_, members_, order});
}

GroupRun::Outcome GroupRun::Watch() {
  double stopped_at = 0, reported_at = 0;
  for (;;) {
    Step();
    const double now = MonotonicSeconds();
    // What the first member has reported is published; whatever happens to the others now is
    // harmless.
    if (states_.at(members_.front()) == Member::kDone) {
      if (reported_at == 0) reported_at = now;
      const bool overdue = now > reported_at + options_.collective_s;
      if (!AnyIs(Member::kTraining) || AnyIs(Member::kFailed) || AnyIs(Member::kLost) || overdue) {
        return Outcome::kDone;
      }
    }
    if (stopped_at > 0) {
      if (!AnyIs(Member::kTraining) || now > stopped_at + options_.collective_s) {
        return Outcome::kStopped;
      }
      continue;
    }
    if (AnyIs(Member::kFailed) && failure_code_ == ExitCode::kStopped) return Outcome::kStopped;
    if (AnyIs(Member::kFailed) || AnyIs(Member::kLost)) return Outcome::kBroken;
    if (now >= next_stall_) ReportStall(now);
    if (watch_.StopWasAsked()) {
      stopped_at = now;
      for (const int rank : members_) workforce_.Send(rank, TrainStop{group_});
    }
  }
}

void GroupRun::ReportStall(double now) {
  next_stall_ = now + options_.stall_s;
  std::string members;
  for (const auto& [rank, state] : states_) {
    members += fmt::format(", rank {} ({}, heard {:.1f} s ago)", rank,
                           state == Member::kDone ? "done" : "training",
                           now - workforce_.roster().At(rank).last_seen);
  }
  Log("stall: no step of training group {} for {:.0f} s; waiting for{}", group_,
      now - last_progress_, members.substr(1));
}

void GroupRun::Step() {
  if (const auto message = workforce_.Next(kTickSeconds)) Handle(*message);
  RemoveTheDead();
}

void GroupRun::Handle(const Message& message) {
  const Envelope envelope = Open(message.bytes);
  if (!states_.contains(message.from)) return;
  if (envelope.type == MessageType::kTrainDone) {
    const auto done = Decode<TrainDone>(envelope);
    if (done.group != group_) return;
    states_[message.from] = Member::kDone;
    if (message.from == members_.front()) report_ = done.report;
  } else if (envelope.type == MessageType::kTrainFailed) {
    OnFailed(message.from, Decode<TrainFailed>(envelope));
  } else if (envelope.type == MessageType::kTrainProgress) {
    const auto progress = Decode<TrainProgressReport>(envelope);
    if (progress.group == group_) OnProgress(progress.json);
  }
}

void GroupRun::OnFailed(int rank, const TrainFailed& failed) {
  if (failed.group != group_) return;
  states_[rank] = Member::kFailed;
  if (!failure_.empty()) return;  // What follows the first failure is its consequence.
  failure_ = fmt::format("rank {}: {}", rank, failed.what);
  failure_code_ = static_cast<ExitCode>(failed.code);
}

void GroupRun::OnProgress(const std::string& json) {
  last_progress_ = MonotonicSeconds();
  next_stall_ = last_progress_ + options_.stall_s;
  const auto parsed = nlohmann::json::parse(json, nullptr, false);
  if (parsed.is_object() && parsed.contains("step") && parsed["step"].is_number()) {
    furthest_ = std::max(furthest_, parsed["step"].get<double>());
  }
  watch_.Show(json);
}

void GroupRun::RemoveTheDead() {
  for (const Workforce::Departure& departure : workforce_.TakeDepartures()) {
    const auto member = states_.find(departure.rank);
    if (member != states_.end()) member->second = Member::kLost;
    watch_.NoteLost(departure.rank, departure.reason);
  }
  workforce_.RequireEnough();
}

bool GroupRun::AnyIs(Member state) const {
  return std::any_of(states_.begin(), states_.end(),
                     [state](const auto& member) { return member.second == state; });
}

void GroupRun::Dissolve() {
  const std::string why = failure_.empty() ? "a member was lost or the group is done" : failure_;
  for (const auto& [rank, state] : states_) {
    if (state == Member::kTraining) workforce_.Send(rank, TrainCancel{group_, why});
  }
  const double deadline = MonotonicSeconds() + options_.collective_s;
  while (AnyIs(Member::kTraining) && MonotonicSeconds() < deadline) Step();
  for (const auto& [rank, state] : states_) {
    if (state == Member::kTraining) {
      workforce_.Lose(rank, fmt::format("still inside a cancelled training group after {} s",
                                        options_.collective_s));
    }
  }
  RemoveTheDead();
}

void GroupRun::Judge() {
  if (AnyIs(Member::kLost)) {
    // Deaths are no reason to give up: each one leaves fewer workers, and too few is an error
    // elsewhere.
    Log("training group {} lost a member; forming a new one", group_);
    return;
  }
  if (failure_code_ == ExitCode::kBadInput) throw Error(failure_, ExitCode::kBadInput);
  fruitless_ = furthest_ > furthest_before_ ? 1 : fruitless_ + 1;
  furthest_before_ = furthest_;
  if (fruitless_ >= kFruitlessAttempts) {
    throw Error(fmt::format("training failed {} times without getting further: {}",
                            kFruitlessAttempts, failure_),
                ExitCode::kTrainersLost);
  }
  Log("training group {} failed ({}); forming a new one", group_, failure_);
  AwaitSignsOfLife();
}

void GroupRun::AwaitSignsOfLife() {
  const double since = MonotonicSeconds();
  const auto unheard = [&] {
    const std::vector<int> living = workforce_.roster().Living();
    return std::any_of(living.begin(), living.end(),
                       [&](int rank) { return workforce_.roster().At(rank).last_seen < since; });
  };
  while (unheard()) Step();
}

}  // namespace

std::string RunGroup(Workforce& workforce, const std::string& order, GroupWatch& watch) {
  return GroupRun(workforce, watch).Run(order);
}

}  // namespace gradus
