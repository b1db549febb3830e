#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "schemas/base/bytes.h"
#include "schemas/ids.h"

namespace gradus {

// What coordinator and workers say to each other on the control channel. A message is its type
// (u8), the epoch of the coordinator (u32, grows with every start of the run, so that what an
// earlier start sent is recognised) and its fields. Assignments stay below 4 KB, the smallest eager
// limit of Open MPI, as long as the payload does.
enum class MessageType : std::uint8_t {
  kHello = 1,
  kSetup,
  kAlive,
  kBeginLeases,
  kReadyForLeases,
  kLease,
  kResult,
  kFailed,
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
  void Write(ByteWriter& out) const;
  static Hello Read(ByteReader& in);
};

// Coordinator: welcome; the resolved configuration and the rhythm of the run.
struct Setup {
  static constexpr MessageType kType = MessageType::kSetup;
  double heartbeat_s = 0;
  double silence_s = 0;
  std::string text;
  void Write(ByteWriter& out) const;
  static Setup Read(ByteReader& in);
};

// Coordinator: I am still here.
struct Alive {
  static constexpr MessageType kType = MessageType::kAlive;
  void Write(ByteWriter& out) const;
  static Alive Read(ByteReader& in);
};

struct BeginLeases {
  static constexpr MessageType kType = MessageType::kBeginLeases;
  std::uint32_t lease_run = 0;  // Counts the phases of this epoch.
  std::string order;
  void Write(ByteWriter& out) const;
  static BeginLeases Read(ByteReader& in);
};

// Worker: models are loaded, send leases.
struct ReadyForLeases {
  static constexpr MessageType kType = MessageType::kReadyForLeases;
  std::uint32_t lease_run = 0;
  void Write(ByteWriter& out) const;
  static ReadyForLeases Read(ByteReader& in);
};

struct Lease {
  static constexpr MessageType kType = MessageType::kLease;
  std::uint64_t lease = 0;
  std::uint32_t lease_run = 0;
  Key key;
  std::string payload;
  void Write(ByteWriter& out) const;
  static Lease Read(ByteReader& in);
};

struct Result {
  static constexpr MessageType kType = MessageType::kResult;
  std::uint64_t lease = 0;
  std::uint32_t lease_run = 0;
  Key key;
  std::string bytes;
  void Write(ByteWriter& out) const;
  static Result Read(ByteReader& in);
};

// Worker: this lease could not be worked on; the worker itself is well.
struct Failed {
  static constexpr MessageType kType = MessageType::kFailed;
  std::uint64_t lease = 0;
  std::uint32_t lease_run = 0;
  Key key;
  std::string reason;
  void Write(ByteWriter& out) const;
  static Failed Read(ByteReader& in);
};

// Coordinator: the results of these leases are durable (or were not needed).
struct Ack {
  static constexpr MessageType kType = MessageType::kAck;
  std::vector<std::uint64_t> leases;
  void Write(ByteWriter& out) const;
  static Ack Read(ByteReader& in);
};

struct Heartbeat {
  static constexpr MessageType kType = MessageType::kHeartbeat;
  std::uint32_t unacknowledged = 0;  // Results sent and not yet durable.
  std::string counters;              // JSON object text.
  void Write(ByteWriter& out) const;
  static Heartbeat Read(ByteReader& in);
};

struct EndLeases {
  static constexpr MessageType kType = MessageType::kEndLeases;
  std::uint32_t lease_run = 0;
  void Write(ByteWriter& out) const;
  static EndLeases Read(ByteReader& in);
};

// Coordinator: train as member of a group. `group` is the conversation its members talk in.
struct TrainStart {
  static constexpr MessageType kType = MessageType::kTrainStart;
  std::uint32_t group = 0;
  std::vector<int> members;  // Ranks; the first one reports.
  std::string order;
  void Write(ByteWriter& out) const;
  static TrainStart Read(ByteReader& in);
};

struct TrainProgressReport {
  static constexpr MessageType kType = MessageType::kTrainProgress;
  std::uint32_t group = 0;
  std::string json;
  void Write(ByteWriter& out) const;
  static TrainProgressReport Read(ByteReader& in);
};

struct TrainDone {
  static constexpr MessageType kType = MessageType::kTrainDone;
  std::uint32_t group = 0;
  std::string report;
  void Write(ByteWriter& out) const;
  static TrainDone Read(ByteReader& in);
};

struct TrainFailed {
  static constexpr MessageType kType = MessageType::kTrainFailed;
  std::uint32_t group = 0;
  int code = 0;  // An ExitCode.
  std::string what;
  void Write(ByteWriter& out) const;
  static TrainFailed Read(ByteReader& in);
};

// Coordinator: save a step checkpoint and stop.
struct TrainStop {
  static constexpr MessageType kType = MessageType::kTrainStop;
  std::uint32_t group = 0;
  void Write(ByteWriter& out) const;
  static TrainStop Read(ByteReader& in);
};

// Coordinator: this group is broken, leave it at once.
struct TrainCancel {
  static constexpr MessageType kType = MessageType::kTrainCancel;
  std::uint32_t group = 0;
  std::string why;
  void Write(ByteWriter& out) const;
  static TrainCancel Read(ByteReader& in);
};

// Coordinator: the run is over for you. `lost` are the ranks that will not take part in leaving.
struct Leave {
  static constexpr MessageType kType = MessageType::kLeave;
  std::vector<int> lost;
  void Write(ByteWriter& out) const;
  static Leave Read(ByteReader& in);
};

// Worker: I cannot go on and leave now.
struct Gone {
  static constexpr MessageType kType = MessageType::kGone;
  std::string what;
  void Write(ByteWriter& out) const;
  static Gone Read(ByteReader& in);
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
  ByteWriter out;
  out.Put(T::kType).Put(epoch);
  message.Write(out);
  return out.Take();
}

// Throws Error on a wrong type, on truncated bytes and on bytes left over.
template <class T>
T Decode(const Envelope& envelope) {
  if (envelope.type != T::kType) {
    Fail("message of type {} where type {} was expected", static_cast<int>(envelope.type),
         static_cast<int>(T::kType));
  }
  ByteReader in(envelope.body);
  T message = T::Read(in);
  if (!in.AtEnd()) Fail("message of type {} has bytes left over", static_cast<int>(T::kType));
  return message;
}

}  // namespace gradus
