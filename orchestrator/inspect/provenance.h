#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "orchestrator/inspect/run_reader.h"
#include "schemas/files/training_row.h"
#include "schemas/problem.h"

namespace gradus {

// "r3:17" → round 3, row 17 (from 0) of that round's selection. Throws Error naming the form.
struct RowName {
  RoundIndex round = 0;
  std::size_t index = 0;
};
RowName ParseRowName(const std::string& text);

// Where one token sequence of a training row came from.
struct Provenance {
  RowOrigin origin;
  std::vector<std::int32_t>
      tokens;  // As the row has them: SFT, prompt and response; a pair, prefix and one side.
  bool demonstration = false;      // No tree: line `origin.key.problem` of the demonstrations.
  std::optional<FoundTree> found;  // The tree and the shard it stands in.
  std::vector<std::int32_t> path;  // Node indices from the root's child to origin.node.
  std::optional<Problem> problem;  // From the run's problem file, when it is still there.
  bool tokens_match = false;       // The path's tokens and outputs are what the row ends with.
};

struct SftStory {
  SftRow row;
  Provenance source;
};
struct PairStory {
  PreferencePair pair;
  Provenance chosen, rejected;
};

// The problems a run's configuration names, training ones first; empty when it was moved away from
// their files.
std::vector<Problem> ProblemsOf(const RunView& run);

// Throw Error when the round, its file, the row or its tree is not there.
SftStory ExplainSft(const RunView& run, const RowName& name);
PairStory ExplainPair(const RunView& run, const RowName& name);

}  // namespace gradus
