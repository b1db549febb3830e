#include "trainer/data/rows.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Tokens = std::vector<std::int32_t>;

void CheckTokens(const Tokens& tokens, const ModelConfig& config, const fs::path& file,
                 std::size_t row) {
  for (std::int32_t token : tokens) {
    if (token < 0 || token >= config.vocab_size) {
      Fail("row {} of {}: token {} is outside the model's vocabulary of {}", row, file.string(),
           token, config.vocab_size);
    }
  }
}

void CheckRow(const SftRow& row, const fs::path& file, std::size_t index) {
  if (row.mask.size() == row.tokens.size()) return;
  Fail("row {} of {}: {} tokens but {} mask values", index, file.string(), row.tokens.size(),
       row.mask.size());
}

void CheckRow(const PreferencePair& pair, const fs::path& file, std::size_t index) {
  if (pair.n_pos == 0 || pair.n_neg == 0)
    Fail("row {} of {}: a pair of an empty side", index, file.string());
}

bool HasLesson(const Record& record) {
  return std::none_of(record.texts.begin(), record.texts.end(),
                      [](const TrainingText& text) { return text.targets.empty(); });
}

template <class Row>
FittingRecords Load(const std::vector<fs::path>& files, const ModelConfig& config, int max_tokens,
                    std::vector<Row> (*read)(const fs::path&), Record (*record_of)(const Row&)) {
  const auto limit = std::size_t(std::min(max_tokens, config.max_positions));
  FittingRecords result;
  for (const fs::path& file : files) {
    const std::vector<Row> rows = read(file);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CheckRow(rows[i], file, i);
      Record record = record_of(rows[i]);
      CheckTokens(record.prefix, config, file, i);
      for (const TrainingText& text : record.texts) CheckTokens(text.tokens, config, file, i);
      if (LongestOf(record) > limit || !HasLesson(record)) {
        ++result.dropped;
      } else {
        result.records.push_back(std::move(record));
      }
    }
  }
  return result;
}

}  // namespace

FittingRecords LoadRecords(const RecordSource& source, const std::vector<fs::path>& files,
                           const ModelConfig& config, int max_tokens) {
  if (const auto* of_row = std::get_if<Record (*)(const SftRow&)>(&source))
    return Load<SftRow>(files, config, max_tokens, ReadSftRows, *of_row);
  const auto* of_pair = std::get_if<Record (*)(const PreferencePair&)>(&source);
  Require(of_pair != nullptr, "no file holds the rows of this objective");
  return Load<PreferencePair>(files, config, max_tokens, ReadPairs, *of_pair);
}

std::vector<RowShape> ShapesOf(const std::vector<Record>& records) {
  std::map<Tokens, int> groups;
  std::vector<RowShape> shapes;
  int next = 0;
  for (const Record& record : records) {
    const int group =
        record.IsSingle() ? next : groups.try_emplace(record.prefix, next).first->second;
    next += group == next;
    const auto shared = int(record.prefix.size());
    const auto own = int(TokensOf(record) - record.texts.size() * record.prefix.size());
    shapes.push_back({record.level, group, shared, own});
  }
  return shapes;
}

void TellDropped(std::uint64_t dropped, const ModelConfig& config, int max_tokens) {
  if (dropped == 0) return;
  Log("{} rows are left out: longer than {} tokens ({}), or nothing to learn from", dropped,
      std::min(max_tokens, config.max_positions),
      config.max_positions < max_tokens ? "all that the model has positions for" : "max_tokens");
}

void RequireRows(std::size_t left, std::uint64_t dropped, const std::vector<fs::path>& files) {
  if (left > 0) return;
  std::string names;
  for (const fs::path& file : files) names += (names.empty() ? "" : ", ") + file.string();
  Fail("no rows to train on in {}: {} rows were too long or had nothing to learn",
       names.empty() ? "no file" : names, dropped);
}

}  // namespace gradus
