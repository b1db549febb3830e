#include "orchestrator/cluster/worker.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "orchestrator/cluster/options.h"
#include "orchestrator/cluster/protocol.h"
#include "orchestrator/cluster/serial_thread.h"
#include "orchestrator/comm/group_link.h"
#include "schemas/base/host.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

constexpr int kCoordinatorRank = 0;

// The way back to the coordinator. Callbacks of leases hold it: they may come from any thread, and,
// from a role that is late, after the worker has left.
class Outbox {
 public:
  explicit Outbox(Transport& transport) : transport_(&transport) {}
  template <class T>
  void Send(const T& message, int to = kCoordinatorRank) {
    const std::lock_guard lock(mutex_);
    if (transport_ != nullptr) transport_->Send(to, kControlChannel, Encode(epoch_, message));
  }
  void SendResult(const Result& result) {
    ++unacknowledged_;
    Send(result);
  }
  void OnAck(std::size_t leases) { unacknowledged_ -= static_cast<std::uint32_t>(leases); }
  std::uint32_t unacknowledged() const { return unacknowledged_; }
  void set_epoch(std::uint32_t epoch) { epoch_ = epoch; }
  void Close() {
    const std::lock_guard lock(mutex_);
    transport_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Transport* transport_;
  std::atomic<std::uint32_t> epoch_ = 0;
  std::atomic<std::uint32_t> unacknowledged_ = 0;
};

// A group this worker trains in.
struct Training {
  Training(Transport& transport, TrainStart start)
      : group(start.group),
        link(transport, start.group, std::move(start.members)),
        order(std::move(start.order)) {}
  std::uint32_t group;
  GroupLink link;
  std::string order;
  std::atomic<bool> stop = false;
};

// The control loop stays on the calling thread, so heartbeats go on while the role loads or trains
// on the role thread.
class WorkerLife {
 public:
  WorkerLife(Transport& transport, WorkerRole& role)
      : transport_(transport), role_(role), outbox_(std::make_shared<Outbox>(transport)) {}
  ~WorkerLife() {
    DropWork();
    role_thread_.Finish();
    outbox_->Close();
  }
  // What the role throws goes to the coordinator as the reason for leaving, and on to the caller.
  ExitCode Run();

 private:
  ExitCode Loop();
  std::optional<ExitCode> Handle(const Message& message);
  void OnSetup(const Envelope& envelope);
  void OnBeginLeases(BeginLeases begin);
  void OnLease(const Lease& lease);
  void OnEndLeases();
  void OnTrainStart(TrainStart start);
  void Train(const std::shared_ptr<Training>& training);
  void SendHeartbeat(double now);
  // Runs on the role thread; a failure there ends the worker.
  void PostToRole(std::function<void()> task);
  void DropWork();

  Transport& transport_;
  WorkerRole& role_;
  std::shared_ptr<Outbox> outbox_;
  double heartbeat_s_ = ClusterOptions{}.heartbeat_s;
  double silence_s_ = ClusterOptions{}.silence_s;
  double next_heartbeat_ = 0;
  std::uint32_t lease_run_ = 0;  // 0: none.
  std::shared_ptr<Training> training_;
  std::exception_ptr
      failure_;  // Of the role thread, which then sends Gone to this rank to wake the loop.
  SerialThread role_thread_;
};

ExitCode WorkerLife::Run() {
  try {
    return Loop();
  } catch (const std::exception& error) {
    outbox_->Send(Gone{error.what()});
    throw;
  }
}

ExitCode WorkerLife::Loop() {
  outbox_->Send(Hello{HostName()});
  double heard = MonotonicSeconds();
  next_heartbeat_ = heard + heartbeat_s_;
  for (;;) {
    const double now = MonotonicSeconds();
    if (now - heard > silence_s_) {
      Log("no word from the coordinator for {:.1f} s: leaving", now - heard);
      transport_.GiveUp(kCoordinatorRank);
      return ExitCode::kCoordinatorLost;
    }
    if (now >= next_heartbeat_) SendHeartbeat(now);
    const double wait = std::min(next_heartbeat_, heard + silence_s_) - now;
    const auto message = transport_.Receive(kControlChannel, std::max(0.0, wait));
    if (!message) continue;
    if (message->from == transport_.rank()) std::rethrow_exception(failure_);
    if (message->from != kCoordinatorRank) continue;
    heard = MonotonicSeconds();
    if (const auto code = Handle(*message)) return *code;
  }
}

std::optional<ExitCode> WorkerLife::Handle(const Message& message) {
  const Envelope envelope = Open(message.bytes);
  switch (envelope.type) {
    case MessageType::kSetup:
      OnSetup(envelope);
      break;
    case MessageType::kBeginLeases:
      OnBeginLeases(Decode<BeginLeases>(envelope));
      break;
    case MessageType::kLease:
      OnLease(Decode<Lease>(envelope));
      break;
    case MessageType::kAck:
      outbox_->OnAck(Decode<Ack>(envelope).leases.size());
      break;
    case MessageType::kEndLeases:
      if (Decode<EndLeases>(envelope).lease_run == lease_run_) OnEndLeases();
      break;
    case MessageType::kTrainStart:
      OnTrainStart(Decode<TrainStart>(envelope));
      break;
    case MessageType::kTrainStop:
      if (training_ && training_->group == Decode<TrainStop>(envelope).group)
        training_->stop = true;
      break;
    case MessageType::kTrainCancel:
      if (training_ && training_->group == Decode<TrainCancel>(envelope).group) {
        training_->link.Cancel();
      }
      break;
    case MessageType::kLeave:
      for (const int rank : Decode<Leave>(envelope).lost) transport_.GiveUp(rank);
      return ExitCode::kDone;
    default:
      break;
  }
  return std::nullopt;
}

void WorkerLife::OnSetup(const Envelope& envelope) {
  auto setup = Decode<Setup>(envelope);
  outbox_->set_epoch(envelope.epoch);
  heartbeat_s_ = setup.heartbeat_s;
  silence_s_ = setup.silence_s;
  SendHeartbeat(MonotonicSeconds());
  PostToRole([this, text = std::move(setup.text)] { role_.Setup(text); });
}

void WorkerLife::OnBeginLeases(BeginLeases begin) {
  lease_run_ = begin.lease_run;
  PostToRole([this, begin = std::move(begin)] {
    role_.BeginLeases(begin.order);
    outbox_->Send(ReadyForLeases{begin.lease_run});
  });
}

void WorkerLife::OnLease(const Lease& lease) {
  if (lease_run_ == 0 || lease.lease_run != lease_run_) return;
  const auto failed = [outbox = outbox_, id = lease.lease, run = lease_run_,
                       key = lease.key](std::string reason) {
    outbox->Send(LeaseFailed{id, run, key, std::move(reason)});
  };
  const auto done = [outbox = outbox_, id = lease.lease, run = lease_run_,
                     key = lease.key](std::string bytes) {
    outbox->SendResult(Result{id, run, key, std::move(bytes)});
  };
  try {
    role_.Start(lease.key, lease.payload, done, failed);
  } catch (const std::exception& error) {
    failed(error.what());
  }
}

void WorkerLife::OnEndLeases() {
  lease_run_ = 0;
  PostToRole([this] { role_.EndLeases(); });
}

void WorkerLife::OnTrainStart(TrainStart start) {
  training_ = std::make_shared<Training>(transport_, std::move(start));
  PostToRole([this, training = training_] { Train(training); });
}

void WorkerLife::Train(const std::shared_ptr<Training>& training) {
  const auto progress = [&](std::string json) {
    training->link.ThrowIfCancelled();
    if (training->link.rank() == 0) {
      outbox_->Send(TrainProgressReport{training->group, std::move(json)});
    }
  };
  const auto stop = [&] { return training->stop.load(); };
  try {
    training->link.ThrowIfCancelled();
    const std::string report = role_.Train(training->order, training->link, progress, stop);
    outbox_->Send(TrainDone{training->group, report});
  } catch (const Error& error) {
    outbox_->Send(TrainFailed{training->group, static_cast<int>(error.code()), error.what()});
  } catch (const std::exception& error) {
    outbox_->Send(
        TrainFailed{training->group, static_cast<int>(ExitCode::kInternal), error.what()});
  }
}

void WorkerLife::SendHeartbeat(double now) {
  next_heartbeat_ = now + heartbeat_s_;
  outbox_->Send(Heartbeat{outbox_->unacknowledged(), role_.Counters()});
}

void WorkerLife::PostToRole(std::function<void()> task) {
  role_thread_.Post([this, task = std::move(task)] {
    if (failure_) return;
    try {
      task();
    } catch (const std::exception& error) {
      failure_ = std::current_exception();
      outbox_->Send(Gone{error.what()}, transport_.rank());
    }
  });
}

void WorkerLife::DropWork() {
  if (training_) training_->link.Cancel();
  if (lease_run_ != 0) OnEndLeases();
}

}  // namespace

ExitCode RunWorker(Transport& transport, WorkerRole& role) {
  return WorkerLife(transport, role).Run();
}

}  // namespace gradus
