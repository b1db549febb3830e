#include "schemas/files/training_row.h"

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/columns.h"

namespace gradus {
namespace {

const Schema& SftSchema() {
  static const Schema schema{"gradus.sft", {1, 0}};
  return schema;
}

const Schema& PairsSchema() {
  static const Schema schema{"gradus.pairs", {1, 0}};
  return schema;
}

template <class Columns, class Origin>
void OriginColumns(Columns& columns, const std::string& group, Origin origin) {
  columns(group + "/round", origin, &RowOrigin::key, &Key::round);
  columns(group + "/phase", origin, &RowOrigin::key, &Key::phase);
  columns(group + "/problem", origin, &RowOrigin::key, &Key::problem);
  columns(group + "/attempt", origin, &RowOrigin::key, &Key::attempt);
  columns(group + "/node", origin, &RowOrigin::node);
  columns(group + "/problem_id", origin, &RowOrigin::problem_id);
}

template <class Columns>
void SftColumns(Columns& columns) {
  OriginColumns(columns, "/origin", &SftRow::origin);
  columns("/rows/mean_q", &SftRow::mean_q);
  columns("/rows/level", &SftRow::level);
  columns("/tokens/ids", &SftRow::tokens);
  columns("/tokens/mask", &SftRow::mask);
}

template <class Columns>
void PairColumns(Columns& columns) {
  OriginColumns(columns, "/origin/chosen", &PreferencePair::chosen_origin);
  OriginColumns(columns, "/origin/rejected", &PreferencePair::rejected_origin);
  columns("/tokens/prefix", &PreferencePair::prefix);
  columns("/tokens/chosen", &PreferencePair::chosen);
  columns("/tokens/rejected", &PreferencePair::rejected);
  columns("/rows/n_pos", &PreferencePair::n_pos);
  columns("/rows/n_neg", &PreferencePair::n_neg);
  columns("/rows/q_chosen", &PreferencePair::q_chosen);
  columns("/rows/q_rejected", &PreferencePair::q_rejected);
  columns("/rows/final_step", &PreferencePair::final_step);
}

bool AllTokens(const std::vector<std::int32_t>& ids) {
  return std::all_of(ids.begin(), ids.end(), [](std::int32_t id) { return id >= 0; });
}

const char* Fault(const RowOrigin& origin) {
  // Phase 0 never occurs; demonstrations carry round 0.
  if (!IsPhase(static_cast<std::uint8_t>(origin.key.phase))) return "unknown phase";
  return origin.node < -1 ? "negative node" : nullptr;
}

const char* Fault(const SftRow& row) {
  if (const char* fault = Fault(row.origin)) return fault;
  if (row.tokens.size() != row.mask.size()) return "mask and tokens differ in length";
  if (!AllTokens(row.tokens)) return "negative token id";
  if (!std::isfinite(row.mean_q)) return "mean Q is not finite";
  const bool binary = std::all_of(row.mask.begin(), row.mask.end(), [](auto m) { return m <= 1; });
  return binary ? nullptr : "the mask holds something else than 0 and 1";
}

const char* Fault(const PreferencePair& pair) {
  if (const char* fault = Fault(pair.chosen_origin)) return fault;
  if (const char* fault = Fault(pair.rejected_origin)) return fault;
  if (!AllTokens(pair.prefix) || !AllTokens(pair.chosen) || !AllTokens(pair.rejected)) {
    return "negative token id";
  }
  if (pair.n_pos == 0 || pair.n_neg == 0) return "no positive or no negative sides";
  if (!std::isfinite(pair.q_chosen) || !std::isfinite(pair.q_rejected)) return "a Q is not finite";
  return nullptr;
}

// The file's count, once a column of doubles bears it out.
std::uint64_t CountRows(const Hdf5Reader& in, const std::string& column) {
  return in.Get<double>(column, in.Count("n_rows")).size();
}

template <class Row>
void CheckRows(const std::vector<Row>& rows, const std::string& path) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (const char* fault = Fault(rows[i])) Fail("{}: row {}: {}", path, i, fault);
  }
}

}  // namespace

void WriteSftRows(const std::filesystem::path& path, const std::vector<SftRow>& rows) {
  CheckRows(rows, path.string());
  Hdf5Writer out(SftSchema());
  out.SetCount("n_rows", rows.size());
  ColumnWriter columns(out, rows);
  SftColumns(columns);
  WriteFileAtomically(path, out.Take());
}

std::vector<SftRow> ReadSftRows(const std::filesystem::path& path) {
  const Hdf5Reader in(ReadFile(path), path.string(), SftSchema());
  std::vector<SftRow> rows(CountRows(in, "/rows/mean_q"));
  ColumnReader columns(in, rows, {0, rows.size(), rows.size()});
  SftColumns(columns);
  CheckRows(rows, path.string());
  return rows;
}

std::uint64_t CountSftRows(const std::filesystem::path& path) {
  return CountRows(Hdf5Reader(ReadFile(path), path.string(), SftSchema()), "/rows/mean_q");
}

void WritePairs(const std::filesystem::path& path, const std::vector<PreferencePair>& pairs) {
  CheckRows(pairs, path.string());
  Hdf5Writer out(PairsSchema());
  out.SetCount("n_rows", pairs.size());
  ColumnWriter columns(out, pairs);
  PairColumns(columns);
  WriteFileAtomically(path, out.Take());
}

std::vector<PreferencePair> ReadPairs(const std::filesystem::path& path) {
  const Hdf5Reader in(ReadFile(path), path.string(), PairsSchema());
  std::vector<PreferencePair> pairs(CountRows(in, "/rows/q_chosen"));
  ColumnReader columns(in, pairs, {0, pairs.size(), pairs.size()});
  PairColumns(columns);
  CheckRows(pairs, path.string());
  return pairs;
}

std::uint64_t CountPairs(const std::filesystem::path& path) {
  return CountRows(Hdf5Reader(ReadFile(path), path.string(), PairsSchema()), "/rows/q_chosen");
}

}  // namespace gradus
