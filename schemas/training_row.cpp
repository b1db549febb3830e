#include "schemas/training_row.h"

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/hdf5_file.h"

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

// The columns of one kind of row, named once for both directions: a Columns function below calls
// `columns.Plain(path, field)` and `columns.List(path, field)` for each.
template <class Row>
class ColumnWriter {
 public:
  ColumnWriter(Hdf5Writer& out, const std::vector<Row>& rows) : out_(out), rows_(rows) {}
  template <class T, class Field>
  void Plain(const std::string& path, Field field) {
    std::vector<T> values;
    values.reserve(rows_.size());
    for (const Row& row : rows_) values.push_back(static_cast<T>(field(row)));
    out_.Put(path, values);
  }
  template <class T, class Field>
  void List(const std::string& path, Field field) {
    Ragged<T> lists;
    for (const Row& row : rows_) lists.Add(field(row));
    out_.Put(path, lists);
  }

 private:
  Hdf5Writer& out_;
  const std::vector<Row>& rows_;
};

template <class Row>
class ColumnReader {
 public:
  ColumnReader(const Hdf5Reader& in, std::vector<Row>& rows) : in_(in), rows_(rows) {}
  template <class T, class Field>
  void Plain(const std::string& path, Field field) {
    const std::vector<T> values = in_.Get<T>(path, rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      auto& to = field(rows_[i]);
      to = static_cast<std::remove_reference_t<decltype(to)>>(values[i]);
    }
  }
  template <class T, class Field>
  void List(const std::string& path, Field field) {
    const Ragged<T> lists = in_.GetRagged<T>(path, rows_.size());
    for (std::size_t i = 0; i < rows_.size(); ++i) field(rows_[i]) = lists.Row(i);
  }

 private:
  const Hdf5Reader& in_;
  std::vector<Row>& rows_;
};

template <class Columns, class Origin>
void OriginColumns(Columns& columns, const std::string& group, Origin origin) {
  columns.template Plain<std::uint32_t>(
      group + "/round", [=](auto& r) -> auto& { return origin(r).key.round; });
  columns.template Plain<std::uint8_t>(
      group + "/phase", [=](auto& r) -> auto& { return origin(r).key.phase; });
  columns.template Plain<std::uint32_t>(
      group + "/problem", [=](auto& r) -> auto& { return origin(r).key.problem; });
  columns.template Plain<std::uint32_t>(
      group + "/attempt", [=](auto& r) -> auto& { return origin(r).key.attempt; });
  columns.template Plain<std::int32_t>(
      group + "/node", [=](auto& r) -> auto& { return origin(r).node; });
  columns.template List<char>(
      group + "/problem_id", [=](auto& r) -> auto& { return origin(r).problem_id; });
}

template <class Columns>
void SftColumns(Columns& columns) {
  OriginColumns(
      columns, "/origin", [](auto& r) -> auto& { return r.origin; });
  columns.template Plain<double>(
      "/rows/mean_q", [](auto& r) -> auto& { return r.mean_q; });
  columns.template List<char>(
      "/rows/level", [](auto& r) -> auto& { return r.level; });
  columns.template List<std::int32_t>(
      "/tokens/ids", [](auto& r) -> auto& { return r.tokens; });
  columns.template List<std::uint8_t>(
      "/tokens/mask", [](auto& r) -> auto& { return r.mask; });
}

template <class Columns>
void PairColumns(Columns& columns) {
  OriginColumns(
      columns, "/origin/chosen", [](auto& r) -> auto& { return r.chosen_origin; });
  OriginColumns(
      columns, "/origin/rejected", [](auto& r) -> auto& { return r.rejected_origin; });
  columns.template List<std::int32_t>(
      "/tokens/prefix", [](auto& r) -> auto& { return r.prefix; });
  columns.template List<std::int32_t>(
      "/tokens/chosen", [](auto& r) -> auto& { return r.chosen; });
  columns.template List<std::int32_t>(
      "/tokens/rejected", [](auto& r) -> auto& { return r.rejected; });
  columns.template Plain<std::uint32_t>(
      "/rows/n_pos", [](auto& r) -> auto& { return r.n_pos; });
  columns.template Plain<std::uint32_t>(
      "/rows/n_neg", [](auto& r) -> auto& { return r.n_neg; });
  columns.template Plain<double>(
      "/rows/q_chosen", [](auto& r) -> auto& { return r.q_chosen; });
  columns.template Plain<double>(
      "/rows/q_rejected", [](auto& r) -> auto& { return r.q_rejected; });
  columns.template Plain<std::uint8_t>(
      "/rows/final_step", [](auto& r) -> auto& { return r.final_step; });
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
  ColumnWriter<SftRow> columns(out, rows);
  SftColumns(columns);
  WriteFileAtomically(path, out.Take());
}

std::vector<SftRow> ReadSftRows(const std::filesystem::path& path) {
  const Hdf5Reader in(ReadFile(path), path.string(), SftSchema());
  std::vector<SftRow> rows(in.Get<double>("/rows/mean_q", in.Count("n_rows")).size());
  ColumnReader<SftRow> columns(in, rows);
  SftColumns(columns);
  CheckRows(rows, path.string());
  return rows;
}

void WritePairs(const std::filesystem::path& path, const std::vector<PreferencePair>& pairs) {
  CheckRows(pairs, path.string());
  Hdf5Writer out(PairsSchema());
  out.SetCount("n_rows", pairs.size());
  ColumnWriter<PreferencePair> columns(out, pairs);
  PairColumns(columns);
  WriteFileAtomically(path, out.Take());
}

std::vector<PreferencePair> ReadPairs(const std::filesystem::path& path) {
  const Hdf5Reader in(ReadFile(path), path.string(), PairsSchema());
  std::vector<PreferencePair> pairs(in.Get<double>("/rows/q_chosen", in.Count("n_rows")).size());
  ColumnReader<PreferencePair> columns(in, pairs);
  PairColumns(columns);
  CheckRows(pairs, path.string());
  return pairs;
}

}  // namespace gradus
