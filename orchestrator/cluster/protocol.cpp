#include "orchestrator/cluster/protocol.h"

namespace gradus {
namespace {

void WriteKey(ByteWriter& out, const Key& key) {
  out.Put(key.round).Put(key.phase).Put(key.problem).Put(key.attempt);
}

Key ReadKey(ByteReader& in) {
  Key key;
  key.round = in.Get<std::uint32_t>();
  key.phase = in.Get<Phase>();
  key.problem = in.Get<std::uint32_t>();
  key.attempt = in.Get<std::uint32_t>();
  return key;
}

}  // namespace

// Braced initialisers are evaluated from left to right, so the readers below follow the wire order.

void Hello::Write(ByteWriter& out) const { out.PutString(host); }
Hello Hello::Read(ByteReader& in) { return {in.GetString()}; }

void Setup::Write(ByteWriter& out) const { out.Put(heartbeat_s).Put(silence_s).PutString(text); }
Setup Setup::Read(ByteReader& in) { return {in.Get<double>(), in.Get<double>(), in.GetString()}; }

void Alive::Write(ByteWriter&) const {}
Alive Alive::Read(ByteReader&) { return {}; }

void BeginLeases::Write(ByteWriter& out) const { out.Put(lease_run).PutString(order); }
BeginLeases BeginLeases::Read(ByteReader& in) { return {in.Get<std::uint32_t>(), in.GetString()}; }

void ReadyForLeases::Write(ByteWriter& out) const { out.Put(lease_run); }
ReadyForLeases ReadyForLeases::Read(ByteReader& in) { return {in.Get<std::uint32_t>()}; }

void Lease::Write(ByteWriter& out) const {
  out.Put(lease).Put(lease_run);
  WriteKey(out, key);
  out.PutString(payload);
}
Lease Lease::Read(ByteReader& in) {
  return {in.Get<std::uint64_t>(), in.Get<std::uint32_t>(), ReadKey(in), in.GetString()};
}

void Result::Write(ByteWriter& out) const {
  out.Put(lease).Put(lease_run);
  WriteKey(out, key);
  out.PutString(bytes);
}
Result Result::Read(ByteReader& in) {
  return {in.Get<std::uint64_t>(), in.Get<std::uint32_t>(), ReadKey(in), in.GetString()};
}

void Failed::Write(ByteWriter& out) const {
  out.Put(lease).Put(lease_run);
  WriteKey(out, key);
  out.PutString(reason);
}
Failed Failed::Read(ByteReader& in) {
  return {in.Get<std::uint64_t>(), in.Get<std::uint32_t>(), ReadKey(in), in.GetString()};
}

void Ack::Write(ByteWriter& out) const { out.PutArray(leases); }
Ack Ack::Read(ByteReader& in) { return {in.GetArray<std::uint64_t>()}; }

void Heartbeat::Write(ByteWriter& out) const { out.Put(unacknowledged).PutString(counters); }
Heartbeat Heartbeat::Read(ByteReader& in) { return {in.Get<std::uint32_t>(), in.GetString()}; }

void EndLeases::Write(ByteWriter& out) const { out.Put(lease_run); }
EndLeases EndLeases::Read(ByteReader& in) { return {in.Get<std::uint32_t>()}; }

void TrainStart::Write(ByteWriter& out) const { out.Put(group).PutArray(members).PutString(order); }
TrainStart TrainStart::Read(ByteReader& in) {
  return {in.Get<std::uint32_t>(), in.GetArray<int>(), in.GetString()};
}

void TrainProgressReport::Write(ByteWriter& out) const { out.Put(group).PutString(json); }
TrainProgressReport TrainProgressReport::Read(ByteReader& in) {
  return {in.Get<std::uint32_t>(), in.GetString()};
}

void TrainDone::Write(ByteWriter& out) const { out.Put(group).PutString(report); }
TrainDone TrainDone::Read(ByteReader& in) { return {in.Get<std::uint32_t>(), in.GetString()}; }

void TrainFailed::Write(ByteWriter& out) const { out.Put(group).Put(code).PutString(what); }
TrainFailed TrainFailed::Read(ByteReader& in) {
  return {in.Get<std::uint32_t>(), in.Get<int>(), in.GetString()};
}

void TrainStop::Write(ByteWriter& out) const { out.Put(group); }
TrainStop TrainStop::Read(ByteReader& in) { return {in.Get<std::uint32_t>()}; }

void TrainCancel::Write(ByteWriter& out) const { out.Put(group).PutString(why); }
TrainCancel TrainCancel::Read(ByteReader& in) { return {in.Get<std::uint32_t>(), in.GetString()}; }

void Leave::Write(ByteWriter& out) const { out.PutArray(lost); }
Leave Leave::Read(ByteReader& in) { return {in.GetArray<int>()}; }

void Gone::Write(ByteWriter& out) const { out.PutString(what); }
Gone Gone::Read(ByteReader& in) { return {in.GetString()}; }

Envelope Open(std::string_view bytes) {
  constexpr std::size_t kHead = sizeof(MessageType) + sizeof(std::uint32_t);
  ByteReader in(bytes);
  Envelope envelope;
  envelope.type = in.Get<MessageType>();
  envelope.epoch = in.Get<std::uint32_t>();
  envelope.body = bytes.substr(kHead);
  if (envelope.type < MessageType::kHello || envelope.type > MessageType::kGone) {
    Fail("control message of unknown type {}", static_cast<int>(envelope.type));
  }
  return envelope;
}

}  // namespace gradus
