#include "trainer/cost/training_flops.h"

#include <algorithm>

namespace gradus {
namespace {

// Keys that a segment's tokens see, in a layer that shows the latest `window` (0: all).
double KeysSeen(const Segment& segment, int window) {
  const double first = segment.position + 1.0, last = segment.position + double(segment.length);
  if (window <= 0 || last <= window) return (first + last) / 2 * segment.length;
  const double growing = std::max(0.0, window - first + 1);
  return (first + window) / 2 * growing + (segment.length - growing) * window;
}

}  // namespace

double TrainingFlops(const ModelConfig& config, const PackedTokens& pack, std::int64_t scored,
                     std::int64_t outputs) {
  const double hidden = config.hidden_size, heads = double(config.num_heads) * config.head_dim;
  const double kv_heads = double(config.num_kv_heads) * config.head_dim;
  const double matrices =
      hidden * (2 * heads + 2 * kv_heads) + 3 * hidden * config.intermediate_size;
  double multiply_adds = matrices * config.num_layers * double(pack.size());
  for (int layer = 0; layer < config.num_layers; ++layer) {
    const int window = config.windows.empty() ? 0 : config.windows[std::size_t(layer)];
    for (const Segment& segment : pack.segments())
      multiply_adds += 2 * heads * KeysSeen(segment, window);
  }
  multiply_adds += hidden * double(scored) * double(outputs);
  return 6 * multiply_adds;
}

}  // namespace gradus
