#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>

namespace gradus {

struct TrainBenchOptions {
  int steps = 4;  // Measured; one more goes before.
  int rows = 48;  // Rows, and pairs, of a step.
  int pack_tokens = 2048;
  bool recompute = false;
  int hidden = 256, layers = 8, heads = 8, kv_heads = 2, ffn = 1024, vocabulary = 4096;
  int shortest = 64, longest = 512, prompt = 128;  // Rows: tokens, and of them without loss.
  int prefix = 256, side = 64;                     // Pairs: tokens shared, and of each side.
  std::filesystem::path inputs;  // Keeps the model and the rows there; empty: nowhere.
};

// Tokens per second of whole training steps on one core, supervised rows and preference pairs, with
// the share of what the core could do at most and the time of each kind of kernel. Tokens of pairs
// are those of both whole texts.
nlohmann::ordered_json BenchTrain(const TrainBenchOptions& options);

}  // namespace gradus
