#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/cluster/fields.h"
#include "schemas/ids.h"

namespace gradus {

// What coordinator and workers say to each other on the control channel. A message is its type
// (u8), the epoch of the coordinator (u32, grows with every start of the run, so that what an
// earlier start sent is recognised) and its fields, which each struct lists once for both ways.
// Assignments stay below 4 KB, the smallest eager limit of Open MPI, as long as the payload does.
enum class MessageType : std::uint8_t {
  kHello = 1,
  kSetup,
  kAlive,
  kBeginLeases,
  kReadyForLeases,
  kLease,
  kResult,
  kLeaseFailed,
  kAck,
  kHeartbeat,
  kEndLeases,
  kTrainStart,
  kTrainProgress,
  kTrainDone,
  kTrainFailed,
  kTrainStop,
  kTrainCancel,
  kLeave,
  kGone,
};

// Worker: I exist. The only message that carries epoch 0, since its sender does not know one yet.
struct Hello {
  static constexpr MessageType kType = MessageType::kHello;
  std::string host;
  static void Fields(auto& m, auto& io) { io(m.host); }
};

// Coordinator: welcome; the resolved configuration and the rhythm of the run.
struct Setup {
  static constexpr MessageType kType = MessageType::kSetup;
  double heartbeat_s = 0;
  double silence_s = 0;
  std::string text;
  static void Fields(auto& m, auto& io) { io(m.heartbeat_s, m.silence_s, m.text); }
};

// Coordinator: I am still here.
struct Alive {
  static constexpr MessageType kType = MessageType::kAlive;
  static void Fields(auto&, auto&) {}
};

struct BeginLeases {
  static constexpr MessageType kType = MessageType::kBeginLeases;
  std::uint32_t lease_run = 0;  // See Workforce::NextRun.
  std::string order;
  static void Fields(auto& m, auto& io) { io(m.lease_run, m.order); }
};

// Worker: models are loaded, send leases.
struct ReadyForLeases {
  static constexpr MessageType kType = MessageType::kReadyForLeases;
  std::uint32_t lease_run = 0;
  static void Fields(auto& m, auto& io) { io(m.lease_run); }
};

struct Lease {
  static constexpr MessageType kType = MessageType::kLease;
  std::uint64_t lease = 0;
  std::uint32_t lease_run = 0;
  Key key;
  std::string payload;
  static void Fields(auto& m, auto& io) { io(m.lease, m.lease_run, m.key, m.payload); }
};

struct Result {
  static constexpr MessageType kType = MessageType::kResult;
  std::uint64_t lease = 0;
  std::uint32_t lease_run = 0;
  Key key;
  std::string bytes;
  static void Fields(auto& m, auto& io) { io(m.lease, m.lease_run, m.key, m.bytes); }
};

// Worker: this lease could not be worked on; the worker itself is well.
struct LeaseFailed {
  static constexpr MessageType kType = MessageType::kLeaseFailed;
  std::uint64_t lease = 0;
  std::uint32_t lease_run = 0;
  Key key;
  std::string reason;
  static void Fields(auto& m, auto& io) { io(m.lease, m.lease_run, m.key, m.reason); }
};

// Coordinator: the results of these leases are durable (or were not needed).
struct Ack {
  static constexpr MessageType kType = MessageType::kAck;
  std::vector<std::uint64_t> leases;
  static void Fields(auto& m, auto& io) { io(m.leases); }
};

struct Heartbeat {
  static constexpr MessageType kType = MessageType::kHeartbeat;
  std::uint32_t unacknowledged = 0;  // Results sent and not yet durable.
  std::string counters;              // JSON object text.
  static void Fields(auto& m, auto& io) { io(m.unacknowledged, m.counters); }
};

struct EndLeases {
  static constexpr MessageType kType = MessageType::kEndLeases;
  std::uint32_t lease_run = 0;
  static void Fields(auto& m, auto& io) { io(m.lease_run); }
};

// Coordinator: train as member of a group. `group` is the conversation its members talk in.
struct TrainStart {
  static constexpr MessageType kType = MessageType::kTrainStart;
  std::uint32_t group = 0;
  std::vector<int> members;  // Ranks; the first one reports.
  std::string order;
  static void Fields(auto& m, auto& io) { io(m.group, m.members, m.order); }
};

struct TrainProgressReport {
  static constexpr MessageType kType = MessageType::kTrainProgress;
  std::uint32_t group = 0;
  std::string json;
  static void Fields(auto& m, auto& io) { io(m.group, m.json); }
};

struct TrainDone {
  static constexpr MessageType kType = MessageType::kTrainDone;
  std::uint32_t group = 0;
  std::string report;
  static void Fields(auto& m, auto& io) { io(m.group, m.report); }
};

struct TrainFailed {
  static constexpr MessageType kType = MessageType::kTrainFailed;
  std::uint32_t group = 0;
  int code = 0;  // An ExitCode.
  std::string what;
  static void Fields(auto& m, auto& io) { io(m.group, m.code, m.what); }
};

// Coordinator: save a step checkpoint and stop.
struct TrainStop {
  static constexpr MessageType kType = MessageType::kTrainStop;
  std::uint32_t group = 0;
  static void Fields(auto& m, auto& io) { io(m.group); }
};

// Coordinator: this group is broken, leave it at once.
struct TrainCancel {
  static constexpr MessageType kType = MessageType::kTrainCancel;
  std::uint32_t group = 0;
  std::string why;
  static void Fields(auto& m, auto& io) { io(m.group, m.why); }
};

// Coordinator: the run is over for you. `lost` are the ranks that will not take part in leaving.
struct Leave {
  static constexpr MessageType kType = MessageType::kLeave;
  std::vector<int> lost;
  static void Fields(auto& m, auto& io) { io(m.lost); }
};

// Worker: I cannot go on and leave now.
struct Gone {
  static constexpr MessageType kType = MessageType::kGone;
  std::string what;
  static void Fields(auto& m, auto& io) { io(m.what); }
};

// The bytes of a message and what stands in front of its fields.
struct Envelope {
  MessageType type = MessageType::kHello;
  std::uint32_t epoch = 0;
  std::string_view body;  // Points into the bytes that were opened.
};

// Throws Error when the bytes are too short or the type is unknown.
Envelope Open(std::string_view bytes);

template <class T>
std::string Encode(std::uint32_t epoch, const T& message) {
  FieldWriter out;
  out(T::kType, epoch);
  T::Fields(message, out);
  return out.Take();
}

// Throws Error on a wrong type, on truncated bytes and on bytes left over.
template <class T>
T Decode(const Envelope& envelope) {
  if (envelope.type != T::kType) {
    Fail("message of type {} where type {} was expected", static_cast<int>(envelope.type),
         static_cast<int>(T::kType));
  }
  FieldReader in(envelope.body);
  T message;
  T::Fields(message, in);
  if (!in.AtEnd()) Fail("message of type {} has bytes left over", static_cast<int>(T::kType));
  return message;
}

}  // namespace gradus
