#include "schemas/files/ledger_records.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"

namespace gradus {
namespace {

using nlohmann::json;

json ToJson(const Key& key) {
  return {key.round, static_cast<std::uint8_t>(key.phase), key.problem, key.attempt};
}

json ToJson(const RunStarted& e) {
  return {{"run_id", e.run_id},
          {"epoch", e.epoch},
          {"config_digest", e.config_digest},
          {"ranks", e.ranks},
          {"unix_s", e.unix_s}};
}

json ToJson(const PartStarted& e) {
  return {{"round", e.part.round}, {"part", e.part.name}, {"keys", e.keys}};
}

json ToJson(const ShardSealed& e) {
  json keys = json::array();
  for (const Key& key : e.keys) keys.push_back(ToJson(key));
  return {{"round", e.part.round},
          {"part", e.part.name},
          {"file", e.file},
          {"sha256", e.sha256},
          {"content_digest", e.content_digest},
          {"trees", e.trees},
          {"keys", keys}};
}

json ToJson(const PhaseDone& e) {
  return {{"round", e.part.round}, {"part", e.part.name}, {"seconds", e.seconds}};
}

json ToJson(const RoundPublished& e) {
  return {{"round", e.round}, {"manifest_sha256", e.manifest_sha256}};
}

json ToJson(const WorkerLost& e) {
  return {{"rank", e.rank}, {"reason", e.reason}, {"leases", e.leases}, {"unix_s", e.unix_s}};
}

json ToJson(const KeyAbandoned& e) {
  return {
      {"key", ToJson(e.key)}, {"round", e.part.round}, {"part", e.part.name}, {"reason", e.reason}};
}

// Counts and indices: a whole number from 0 to the type's largest.
template <class T>
T Whole(const json& value) {
  constexpr auto kLargest = static_cast<std::uint64_t>(std::numeric_limits<T>::max());
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kLargest) {
    Fail("{} is not a whole number from 0 to {}", value.dump(), kLargest);
  }
  return value.get<T>();
}

std::string Text(const json& j, const char* name) { return j.at(name).get<std::string>(); }

Key KeyOf(const json& j) {
  if (j.size() != 4) Fail("a key has {} numbers", j.size());
  const auto phase = Whole<std::uint8_t>(j.at(1));
  if (!IsPhase(phase)) Fail("unknown phase {}", phase);
  return {Whole<std::uint32_t>(j.at(0)), static_cast<Phase>(phase), Whole<std::uint32_t>(j.at(2)),
          Whole<std::uint32_t>(j.at(3))};
}

PartId PartOf(const json& j) { return {Whole<RoundIndex>(j.at("round")), Text(j, "part")}; }

ShardSealed ShardOf(const json& j) {
  ShardSealed e{PartOf(j),
                Text(j, "file"),
                Text(j, "sha256"),
                Text(j, "content_digest"),
                Whole<std::uint64_t>(j.at("trees")),
                {}};
  if (!j.at("keys").is_array()) Fail("keys are no array");
  for (const json& key : j.at("keys")) e.keys.push_back(KeyOf(key));
  return e;
}

LedgerEntry EntryOf(RecordKind kind, const json& j) {
  switch (kind) {
    case RecordKind::kRunStarted:
      return RunStarted{Text(j, "run_id"), Whole<std::uint32_t>(j.at("epoch")),
                        Text(j, "config_digest"), Whole<int>(j.at("ranks")),
                        j.at("unix_s").get<double>()};
    case RecordKind::kPhaseStarted:
      return PartStarted{PartOf(j), Whole<std::uint64_t>(j.at("keys"))};
    case RecordKind::kShardSealed:
      return ShardOf(j);
    case RecordKind::kPhaseDone:
      return PhaseDone{PartOf(j), j.at("seconds").get<double>()};
    case RecordKind::kRoundPublished:
      return RoundPublished{Whole<RoundIndex>(j.at("round")), Text(j, "manifest_sha256")};
    case RecordKind::kWorkerLost:
      return WorkerLost{Whole<int>(j.at("rank")), Text(j, "reason"),
                        Whole<std::uint64_t>(j.at("leases")), j.at("unix_s").get<double>()};
    case RecordKind::kAbandoned:
      return KeyAbandoned{KeyOf(j.at("key")), PartOf(j), Text(j, "reason")};
    default:
      Fail("unknown kind");
  }
}

struct KindOf {
  RecordKind operator()(const RunStarted&) const { return RecordKind::kRunStarted; }
  RecordKind operator()(const PartStarted&) const { return RecordKind::kPhaseStarted; }
  RecordKind operator()(const Tree&) const { return RecordKind::kResult; }
  RecordKind operator()(const ShardSealed&) const { return RecordKind::kShardSealed; }
  RecordKind operator()(const PhaseDone&) const { return RecordKind::kPhaseDone; }
  RecordKind operator()(const RoundPublished&) const { return RecordKind::kRoundPublished; }
  RecordKind operator()(const WorkerLost&) const { return RecordKind::kWorkerLost; }
  RecordKind operator()(const KeyAbandoned&) const { return RecordKind::kAbandoned; }
};

std::string PayloadOf(const Tree& tree) { return SerializeTree(tree); }
template <class Entry>
std::string PayloadOf(const Entry& entry) {
  return ToJson(entry).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

Record ToRecord(const LedgerEntry& entry) {
  return {std::visit(KindOf{}, entry),
          std::visit([](const auto& e) { return PayloadOf(e); }, entry)};
}

LedgerEntry ParseEntry(const Record& record) {
  try {
    if (record.kind == RecordKind::kResult) return ParseTree(record.payload);
    return EntryOf(record.kind, json::parse(record.payload));
  } catch (const json::exception& error) {
    Fail("malformed record of kind {}: {}", static_cast<int>(record.kind), error.what());
  } catch (const Error& error) {
    Fail("malformed record of kind {}: {}", static_cast<int>(record.kind), error.what());
  }
}

}  // namespace gradus
