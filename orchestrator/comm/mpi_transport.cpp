#include "orchestrator/comm/mpi_transport.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr int kTag = 1;
constexpr int kFramesInFlight =
    8;  // Per receiver; the rest waits uncut, so a message is not held twice.
constexpr int kReceivesAtOnce = 64;  // Then sends get their turn.

}  // namespace

void CheckMpi(int code, const char* what) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw Error(fmt::format("{} failed: {}", what, text.data()), ExitCode::kInternal);
}

MpiTransport::MpiTransport(int rank, int size)
    : rank_(rank), size_(size), peers_(static_cast<std::size_t>(size)) {}

void MpiTransport::Send(int to, std::uint64_t channel, std::string bytes) {
  if (to == rank_) {
    mailbox_.Put({rank_, channel, std::move(bytes)});
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    Peer& peer = PeerOf(to);
    if (peer.given_up) return;
    peer.queue.push_back({channel, peer.next_number++, std::move(bytes), 0});
    with_queue_.insert(to);
    awake_ = true;
    if (!sleeping_) return;
  }
  queued_.notify_one();
}

std::optional<Message> MpiTransport::Receive(std::uint64_t channel, double timeout_s, int from) {
  if (auto message = mailbox_.Take(channel, 0, from)) return message;
  Wake();  // Whoever waits wants the message soon: no time for a long sleep.
  return mailbox_.Take(channel, timeout_s, from);
}

void MpiTransport::Close(std::uint32_t conversation) { mailbox_.Close(conversation); }

void MpiTransport::GiveUp(int rank) {
  mailbox_.GiveUp(rank);
  const std::lock_guard lock(mutex_);
  degraded_ = true;
  PeerOf(rank).given_up = true;
  PeerOf(rank).queue.clear();
  with_queue_.erase(rank);
}

bool MpiTransport::Progress() {
  bool moved = StartSends();
  moved |= FinishSends();
  moved |= StartReceives();
  moved |= FinishReceives();
  return moved;
}

bool MpiTransport::StartSends() {
  std::set<int> ranks;
  {
    const std::lock_guard lock(mutex_);
    awake_ = false;
    if (with_queue_.empty()) return false;
    ranks = with_queue_;
  }
  bool moved = false;
  for (const int to : ranks) moved |= StartSendsTo(to);
  return moved;
}

bool MpiTransport::StartSendsTo(int to) {
  bool moved = false;
  Peer& peer = PeerOf(to);
  while (peer.in_flight < kFramesInFlight) {
    Outgoing out;
    {
      const std::lock_guard lock(mutex_);
      if (peer.queue.empty()) {
        with_queue_.erase(to);
        break;
      }
      out = std::move(peer.queue.front());
      peer.queue.pop_front();
    }
    std::string frame = EncodeFrame(out.channel, out.number, out.bytes, out.sent);
    out.sent += kFrameBytes;
    if (out.sent < out.bytes.size()) {
      const std::lock_guard lock(mutex_);
      if (!peer.given_up) peer.queue.push_front(std::move(out));
    }
    StartSend(to, std::move(frame));
    moved = true;
  }
  return moved;
}

void MpiTransport::StartSend(int to, std::string frame) {
  auto flight = std::make_unique<Flight>(Flight{to, std::move(frame)});
  MPI_Request request = MPI_REQUEST_NULL;
  const int code = MPI_Isend(flight->frame.data(), static_cast<int>(flight->frame.size()), MPI_BYTE,
                             to, kTag, MPI_COMM_WORLD, &request);
  if (code != MPI_SUCCESS) {
    Drop(to, "a message could not be sent");
    return;
  }
  ++PeerOf(to).in_flight;
  requests_.push_back(request);
  flights_.push_back(std::move(flight));
}

bool MpiTransport::FinishSends() {
  if (requests_.empty()) return false;
  const auto count = static_cast<int>(requests_.size());
  int done = 0;
  std::vector<int> indices(requests_.size());
  std::vector<MPI_Status> statuses(requests_.size());
  const int code = MPI_Testsome(count, requests_.data(), &done, indices.data(), statuses.data());
  if (code != MPI_ERR_IN_STATUS) CheckMpi(code, "MPI_Testsome");
  for (int i = 0; i < done; ++i) {
    const Flight& flight =
        *flights_[static_cast<std::size_t>(indices[static_cast<std::size_t>(i)])];
    --PeerOf(flight.to).in_flight;
    if (code == MPI_ERR_IN_STATUS &&
        statuses[static_cast<std::size_t>(i)].MPI_ERROR != MPI_SUCCESS) {
      Drop(flight.to, "a message to it failed");
    }
  }
  if (done <= 0) return false;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] == MPI_REQUEST_NULL) continue;
    requests_[kept] = requests_[i];
    flights_[kept++] = std::move(flights_[i]);
  }
  requests_.resize(kept);
  flights_.resize(kept);
  return true;
}

bool MpiTransport::StartReceives() {
  for (int i = 0; i < kReceivesAtOnce; ++i) {
    int found = 0;
    MPI_Message handle = MPI_MESSAGE_NULL;
    MPI_Status status;
    CheckMpi(MPI_Improbe(MPI_ANY_SOURCE, kTag, MPI_COMM_WORLD, &found, &handle, &status),
             "MPI_Improbe");
    if (found == 0) return i > 0;
    int bytes = 0;
    CheckMpi(MPI_Get_count(&status, MPI_BYTE, &bytes), "MPI_Get_count");
    Peer& peer = PeerOf(status.MPI_SOURCE);
    Incoming& incoming = peer.arriving.emplace_back();
    incoming.frame.resize(static_cast<std::size_t>(bytes));
    CheckMpi(MPI_Imrecv(incoming.frame.data(), bytes, MPI_BYTE, &handle, &incoming.request),
             "MPI_Imrecv");
    arriving_from_.insert(status.MPI_SOURCE);
    FinishReceivesFrom(status.MPI_SOURCE);
  }
  return true;
}

bool MpiTransport::FinishReceives() {
  bool moved = false;
  const std::set<int> sources = arriving_from_;
  for (const int from : sources) moved |= FinishReceivesFrom(from);
  return moved;
}

bool MpiTransport::FinishReceivesFrom(int from) {
  bool moved = false;
  std::deque<Incoming>& arriving = PeerOf(from).arriving;
  while (!arriving.empty()) {
    int done = 0;
    const int code = MPI_Test(&arriving.front().request, &done, MPI_STATUS_IGNORE);
    if (code != MPI_SUCCESS) {
      Drop(from, "a message from it failed");
      return moved;
    }
    if (done == 0) return moved;
    Deliver(from, arriving.front().frame);
    arriving.pop_front();
    moved = true;
  }
  arriving_from_.erase(from);
  return moved;
}

void MpiTransport::Deliver(int from, const std::string& frame) {
  try {
    if (auto complete = PeerOf(from).reassembly.Add(frame)) {
      mailbox_.Put({from, complete->channel, std::move(complete->bytes)});
    }
  } catch (const Error& error) {
    Drop(from, error.what());
  }
}

// The stream from or to this rank is broken. It is not heard any more, so its leases come back as
// with any silent rank.
void MpiTransport::Drop(int rank, const std::string& why) {
  Log("dropping rank {}: {}", rank, why);
  GiveUp(rank);
}

bool MpiTransport::IsSending() const {
  return std::any_of(flights_.begin(), flights_.end(), [this](const auto& flight) {
    return !peers_[static_cast<std::size_t>(flight->to)].given_up;
  });
}

bool MpiTransport::InTransit() {
  const std::lock_guard lock(mutex_);
  return IsSending() || std::any_of(arriving_from_.begin(), arriving_from_.end(),
                                    [this](int from) { return !PeerOf(from).given_up; });
}

bool MpiTransport::Flushed() {
  const std::lock_guard lock(mutex_);
  return with_queue_.empty() && !IsSending();
}

bool MpiTransport::Sleep(double seconds) {
  std::unique_lock lock(mutex_);
  sleeping_ = true;
  queued_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return awake_; });
  sleeping_ = false;
  return awake_;
}

void MpiTransport::Wake() {
  {
    const std::lock_guard lock(mutex_);
    awake_ = true;
    if (!sleeping_) return;
  }
  queued_.notify_one();
}

}  // namespace gradus
