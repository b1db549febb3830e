#include "trainer/cost/training_flops.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace gradus {
namespace {

ModelConfig Shape() {
  ModelConfig config;
  config.hidden_size = 16;
  config.intermediate_size = 40;
  config.num_layers = 3;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 8;
  return config;
}

// Every product of a pass, counted one by one.
double Counted(const ModelConfig& config, const std::vector<int>& positions, int scored,
               int outputs) {
  double multiply_adds = 0;
  for (int layer = 0; layer < config.num_layers; ++layer) {
    const int window = config.windows.empty() ? 0 : config.windows[std::size_t(layer)];
    for (int position : positions) {
      const int query = config.num_heads * config.head_dim;
      const int key = config.num_kv_heads * config.head_dim;
      multiply_adds += config.hidden_size * (query + key + key) + query * config.hidden_size;
      multiply_adds += 3 * config.hidden_size * config.intermediate_size;
      const int keys = window > 0 ? std::min(window, position + 1) : position + 1;
      multiply_adds += 2 * keys * query;  // Scores and values.
    }
  }
  return 6 * (multiply_adds + double(config.hidden_size) * scored * outputs);
}

const std::vector<std::int32_t> kText(30, 1);

TEST_CASE("The operations of a pass are those of its products counted one by one") {
  ModelConfig config = Shape();
  PackedTokens pack;
  const int prefix = pack.Add(std::span(kText).first(7));
  pack.Add(std::span(kText).first(5), prefix);
  pack.Add(std::span(kText).first(9), prefix);
  std::vector<int> positions;
  for (int at = 0; at < 12; ++at) positions.push_back(at);
  for (int at = 7; at < 16; ++at) positions.push_back(at);
  CHECK(TrainingFlops(config, pack, 6, 100) == Counted(config, positions, 6, 100));
  for (int window : {1, 4, 7, 10, 50}) {
    config.windows = {0, window, window};
    CHECK(TrainingFlops(config, pack, 2, 1) == Counted(config, positions, 2, 1));
  }
}

TEST_CASE("What two texts share is computed once") {
  PackedTokens shared, whole;
  const int prefix = shared.Add(std::span(kText).first(20));
  for (int side = 0; side < 2; ++side) {
    shared.Add(std::span(kText).first(4), prefix);
    whole.Add(std::span(kText).first(24));
  }
  CHECK(TrainingFlops(Shape(), shared, 2, 1) < 0.7 * TrainingFlops(Shape(), whole, 2, 1));
}

}  // namespace
}  // namespace gradus
