#include "trainer/data/rows.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

namespace fs = std::filesystem;
using Tokens = std::vector<std::int32_t>;

// The number in "3" or "Level 3"; a row without one is never easy.
int LevelOf(const std::string& text) {
  constexpr int kNever = std::numeric_limits<int>::max();
  const std::size_t at = text.find_first_of("0123456789");
  if (at == std::string::npos) return kNever;
  int level = kNever;
  std::from_chars(text.data() + at, text.data() + text.size(), level);
  return level;
}

void CheckTokens(const Tokens& tokens, const ModelConfig& config, const fs::path& file,
                 std::size_t row) {
  for (std::int32_t token : tokens) {
    if (token < 0 || token >= config.vocab_size) {
      Fail("row {} of {}: token {} is outside the model's vocabulary of {}", row, file.string(),
           token, config.vocab_size);
    }
  }
}

void CheckRow(const SftRow& row, const ModelConfig& config, const fs::path& file,
              std::size_t index) {
  if (row.mask.size() != row.tokens.size()) {
    Fail("row {} of {}: {} tokens but {} mask values", index, file.string(), row.tokens.size(),
         row.mask.size());
  }
  CheckTokens(row.tokens, config, file, index);
}

void CheckRow(const PreferencePair& pair, const ModelConfig& config, const fs::path& file,
              std::size_t index) {
  for (const Tokens* tokens : {&pair.prefix, &pair.chosen, &pair.rejected})
    CheckTokens(*tokens, config, file, index);
  if (pair.n_pos == 0 || pair.n_neg == 0)
    Fail("row {} of {}: a pair of an empty side", index, file.string());
}

// Tokens of the longest text of a row.
std::size_t LengthOf(const SftRow& row) { return row.tokens.size(); }
std::size_t LengthOf(const PreferencePair& pair) {
  return pair.prefix.size() + std::max(pair.chosen.size(), pair.rejected.size());
}

bool HasLesson(const SftRow& row) {
  return std::find(row.mask.begin() + std::min<std::ptrdiff_t>(1, std::ptrdiff_t(row.mask.size())),
                   row.mask.end(), 1) != row.mask.end();
}

bool HasLesson(const PreferencePair& pair) {
  return !pair.prefix.empty() || (!pair.chosen.empty() && !pair.rejected.empty());
}

template <class Row, class Read>
FittingRows<Row> LoadRows(const std::vector<fs::path>& files, const ModelConfig& config,
                          int max_tokens, Read read) {
  const auto limit = std::size_t(std::min(max_tokens, config.max_positions));
  FittingRows<Row> result;
  for (const fs::path& file : files) {
    std::vector<Row> rows = read(file);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      CheckRow(rows[i], config, file, i);
      if (LengthOf(rows[i]) > limit || !HasLesson(rows[i])) {
        ++result.dropped;
      } else {
        result.rows.push_back(std::move(rows[i]));
      }
    }
  }
  return result;
}

}  // namespace

FittingRows<SftRow> LoadSftRows(const std::vector<fs::path>& files, const ModelConfig& config,
                                int max_tokens) {
  return LoadRows<SftRow>(files, config, max_tokens, ReadSftRows);
}

FittingRows<PreferencePair> LoadPairs(const std::vector<fs::path>& files, const ModelConfig& config,
                                      int max_tokens) {
  return LoadRows<PreferencePair>(files, config, max_tokens, ReadPairs);
}

std::vector<RowShape> ShapesOf(const std::vector<SftRow>& rows) {
  std::vector<RowShape> shapes;
  for (const SftRow& row : rows) {
    const int group = int(shapes.size());
    shapes.push_back({LevelOf(row.level), group, 0, int(row.tokens.size())});
  }
  return shapes;
}

std::vector<RowShape> ShapesOf(const std::vector<PreferencePair>& pairs) {
  std::map<Tokens, int> groups;
  std::vector<RowShape> shapes;
  for (const PreferencePair& pair : pairs) {
    const int group = groups.try_emplace(pair.prefix, int(groups.size())).first->second;
    shapes.push_back(
        {0, group, int(pair.prefix.size()), int(pair.chosen.size() + pair.rejected.size())});
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
