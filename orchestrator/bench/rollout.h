#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

namespace gradus {

struct RolloutBenchOptions {
  std::filesystem::path model;  // Empty: a random model of the demonstration's shape.
  std::vector<int> batches = {16, 64};
  int prompt = 128, new_tokens = 64;                          // Flat: independent prompts, greedy.
  int expansions = 8, siblings = 8, prefix = 384, step = 32;  // Tree: siblings of one prefix each.
  int depth = 6;                                              // Search: steps of one path.
};

// Tokens per second of the engine on one core: independent prompts, siblings of long prefixes, and
// whole searches that keep every node's keys against the same with each step's context computed
// anew. Beside each rate stands its share of what the machine could do at most.
nlohmann::ordered_json BenchRollout(const RolloutBenchOptions& options);

}  // namespace gradus
