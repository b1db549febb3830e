#pragma once
#include <cstdint>
#include <variant>
#include <vector>

#include "schemas/files/training_row.h"

namespace gradus {

// One text of a record, and which of its tokens are learned from.
struct TrainingText {
  std::vector<std::int32_t> tokens;   // After the record's prefix.
  std::vector<std::int32_t> targets;  // Places in the whole text, prefix included: the mask.
  // One number per target each, or none where the objective has no use for them.
  std::vector<double> weights;        // What it counts; none: 1.
  std::vector<double> goals;          // The score it should have.
  std::vector<double> advantages;     // How much better than expected it was to draw this token,
  std::vector<double> old_log_probs;  // and the log-probability with which it was drawn.
};

// A training example in the form in which every objective sees it: texts that begin alike.
struct Record {
  std::vector<std::int32_t> prefix;
  std::vector<TrainingText> texts;  // One; of a preference the chosen one, then the rejected.
  int level = 0;                    // Of difficulty: see CurriculumStage.
  bool whole = false;               // Preferences: the texts are whole trajectories.

  // A text that has nothing in common with another.
  bool IsSingle() const { return prefix.empty() && texts.size() == 1; }
};

// Tokens of the longest whole text.
std::size_t LongestOf(const Record& record);
// Tokens of all its whole texts.
std::uint64_t TokensOf(const Record& record);

// Every masked token but the first, which has no predecessor, is a target.
Record SupervisedRecord(const SftRow& row);
// The last token of either side is a target that counts 1 / (n_pos · n_neg).
Record PreferenceRecord(const PreferencePair& pair);
// The same with goals: the value that the search found, of whole trajectories the outcome ±1. The
// chosen side counts 1 / n_neg, the rejected one 1 / n_pos: so a step counts once however many
// pairs it stands in.
Record ValueRecord(const PreferencePair& pair);

// How rows of files become records; monostate: no file holds what such records need.
using RecordSource =
    std::variant<std::monostate, Record (*)(const SftRow&), Record (*)(const PreferencePair&)>;

}  // namespace gradus
