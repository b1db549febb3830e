#include "orchestrator/cluster/workforce.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

void CheckPlacement(const ClusterOptions& options, int size) {
  if (options.placement == Placement::kSplit) {
    if (options.train_ranks < 1) {
      Fail("cluster.placement is split, so cluster.train_ranks must be at least 1");
    }
    // One coordinator and one rank that searches beside the trainers.
    if (size < options.train_ranks + 2) {
      Fail("cluster.placement split with train_ranks {} needs at least {} ranks, got {}",
           options.train_ranks, options.train_ranks + 2, size);
    }
  }
  if (size - 1 < options.min_workers) {
    Fail(
        "cluster.min_workers is {} but {} ranks leave only {} workers beside the coordinator: "
        "start at least {} ranks",
        options.min_workers, size, size - 1, options.min_workers + 1);
  }
}

}  // namespace

Workforce::Workforce(Transport& transport, const ClusterOptions& options, std::uint32_t epoch,
                     std::string setup)
    : transport_(transport), options_(options), epoch_(epoch) {
  try {
    CheckPlacement(options, transport.size());
    pulse_ = std::jthread([this](const std::stop_token& stop) { Pulse(stop); });
    Assemble(Encode(epoch_, Setup{options.heartbeat_s, options.silence_s, std::move(setup)}));
  } catch (const Error&) {
    // Also those who said no hello yet shall not wait for a setup.
    for (int rank = 1; rank < transport_.size(); ++rank) Send(rank, Leave{roster_.Lost()});
    throw;
  }
}

Workforce::~Workforce() { Dismiss(); }

void Workforce::Assemble(const std::string& setup) {
  const double deadline = MonotonicSeconds() + options_.start_s;
  const int expected = transport_.size() - 1;
  int came = 0;
  while (came < expected) {
    const double left = deadline - MonotonicSeconds();
    if (left <= 0) break;
    const std::optional<Message> message = transport_.Receive(kControlChannel, left);
    if (!message) continue;
    const Envelope envelope = Open(message->bytes);
    if (envelope.type == MessageType::kGone) Lose(message->from, Decode<Gone>(envelope).what);
    if (envelope.type != MessageType::kHello) continue;
    const std::string host = Decode<Hello>(envelope).host;
    if (!roster_.Add(message->from, host, MonotonicSeconds())) continue;  // It is known already.
    transport_.Send(message->from, kControlChannel, setup);
    ++came;
  }
  if (came < options_.min_workers) {
    Fail(
        "only {} of {} workers said hello within {} s (cluster.start_s), cluster.min_workers is {}",
        came, expected, options_.start_s, options_.min_workers);
  }
  for (int rank = 1; rank <= expected; ++rank) {
    if (!roster_.IsAlive(rank)) Lose(rank, fmt::format("no hello within {} s", options_.start_s));
  }
}

void Workforce::Pulse(const std::stop_token& stop) {
  std::unique_lock lock(pulse_mutex_);
  const auto interval = std::chrono::duration<double>(options_.heartbeat_s);
  while (!pulse_stopped_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
    if (stop.stop_requested()) return;
    for (int rank = 1; rank < transport_.size(); ++rank) Send(rank, Alive{});
  }
}

std::optional<Message> Workforce::Next(double timeout_s) {
  const double deadline = MonotonicSeconds() + timeout_s;
  for (;;) {
    NoteListening();
    std::optional<Message> message =
        transport_.Receive(kControlChannel, std::max(0.0, deadline - MonotonicSeconds()));
    NoteListening();
    if (!message) return std::nullopt;
    const Envelope envelope = Open(message->bytes);
    if (!roster_.IsAlive(message->from) || envelope.epoch != epoch_) continue;
    roster_.Seen(message->from, MonotonicSeconds());
    if (envelope.type == MessageType::kHeartbeat) {
      roster_.SetCounters(message->from, Decode<Heartbeat>(envelope).counters);
    } else if (envelope.type == MessageType::kGone) {
      Lose(message->from, Decode<Gone>(envelope).what);
    } else {
      return message;
    }
  }
}

void Workforce::NoteListening() {
  const double now = MonotonicSeconds();
  if (now - last_listened_ > options_.dead_s / 2) roster_.ForgiveSilence(now);
  last_listened_ = now;
}

void Workforce::Lose(int rank, const std::string& reason) {
  roster_.Lose(rank, reason);
  transport_.GiveUp(rank);
  departures_.push_back({rank, reason});
  Log("lost rank {}: {}", rank, reason);
}

std::vector<Workforce::Departure> Workforce::TakeDepartures() {
  NoteListening();
  const double now = MonotonicSeconds();
  for (const int rank : roster_.Silent(now, options_.dead_s)) {
    Lose(rank, fmt::format("silent for {:.1f} s", now - roster_.At(rank).last_seen));
  }
  return std::exchange(departures_, {});
}

void Workforce::RequireEnough() const {
  const std::size_t living = roster_.Living().size();
  if (living >= static_cast<std::size_t>(options_.min_workers)) return;
  throw Error(
      fmt::format("{} live workers are left, cluster.min_workers is {} ({}): relaunch to continue",
                  living, options_.min_workers, roster_.Departures()),
      ExitCode::kTrainersLost);
}

void Workforce::Dismiss() {
  if (std::exchange(dismissed_, true)) return;
  const Leave leave{roster_.Lost()};
  for (const int rank : roster_.Living()) Send(rank, leave);
}

bool Workforce::IsDedicatedTrainer(int rank) const {
  return options_.placement == Placement::kSplit &&
         rank >= transport_.size() - options_.train_ranks;
}

std::vector<int> Workforce::Searchers() const {
  std::vector<int> ranks = roster_.Living();
  std::erase_if(ranks, [this](int rank) { return IsDedicatedTrainer(rank); });
  return ranks;
}

std::vector<int> Workforce::Trainers() const {
  std::vector<int> ranks = roster_.Living();
  if (options_.placement == Placement::kSplit) {
    std::erase_if(ranks, [this](int rank) { return !IsDedicatedTrainer(rank); });
  } else if (options_.train_ranks > 0 &&
             ranks.size() > static_cast<std::size_t>(options_.train_ranks)) {
    ranks.resize(static_cast<std::size_t>(options_.train_ranks));
  }
  return ranks;
}

}  // namespace gradus
