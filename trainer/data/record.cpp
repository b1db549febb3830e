#include "trainer/data/record.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>

namespace gradus {
namespace {

// The number in "3" or "Level 3"; a row without one is never easy.
int LevelOf(const std::string& text) {
  constexpr int kNever = std::numeric_limits<int>::max();
  const std::size_t at = text.find_first_of("0123456789");
  if (at == std::string::npos) return kNever;
  int level = kNever;
  std::from_chars(text.data() + at, text.data() + text.size(), level);
  return level;
}

// Scored at its last token, which is the prefix's own where the side is empty.
TrainingText SideOf(const PreferencePair& pair, const std::vector<std::int32_t>& side,
                    double weight) {
  TrainingText text{side, {}, {}, {}, {}, {}};
  const std::size_t length = pair.prefix.size() + side.size();
  if (length == 0) return text;
  text.targets = {std::int32_t(length) - 1};
  text.weights = {weight};
  return text;
}

Record RecordOf(const PreferencePair& pair, double chosen, double rejected) {
  return {pair.prefix,
          {SideOf(pair, pair.chosen, chosen), SideOf(pair, pair.rejected, rejected)},
          0,
          pair.final_step};
}

}  // namespace

std::size_t LongestOf(const Record& record) {
  std::size_t longest = 0;
  for (const TrainingText& text : record.texts) longest = std::max(longest, text.tokens.size());
  return record.prefix.size() + longest;
}

std::uint64_t TokensOf(const Record& record) {
  std::uint64_t tokens = 0;
  for (const TrainingText& text : record.texts) tokens += record.prefix.size() + text.tokens.size();
  return tokens;
}

Record SupervisedRecord(const SftRow& row) {
  TrainingText text{row.tokens, {}, {}, {}, {}, {}};
  for (std::size_t i = 1; i < row.tokens.size(); ++i) {
    if (row.mask[i] != 0) text.targets.push_back(std::int32_t(i));
  }
  return {{}, {std::move(text)}, LevelOf(row.level)};
}

Record PreferenceRecord(const PreferencePair& pair) {
  const double weight = 1.0 / (double(pair.n_pos) * double(pair.n_neg));
  return RecordOf(pair, weight, weight);
}

Record ValueRecord(const PreferencePair& pair) {
  Record record = RecordOf(pair, 1.0 / pair.n_neg, 1.0 / pair.n_pos);
  record.texts[0].goals.assign(record.texts[0].targets.size(),
                               pair.final_step ? 1.0 : pair.q_chosen);
  record.texts[1].goals.assign(record.texts[1].targets.size(),
                               pair.final_step ? -1.0 : pair.q_rejected);
  return record;
}

}  // namespace gradus
