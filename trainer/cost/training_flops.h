#pragma once
#include <cstdint>

#include "trainer/model/packed_tokens.h"
#include "workers/models/model_config.h"

namespace gradus {

// Floating-point operations that one training pass over a pack needs: two for each multiply-add
// forward, four backward, of the matrices and of attention. What recomputation repeats does not
// count (model FLOPs: PaLM, Chowdhery et al. 2022, appendix B). `scored` rows go through a head of
// `outputs` columns.
double TrainingFlops(const ModelConfig& config, const PackedTokens& pack, std::int64_t scored,
                     std::int64_t outputs);

}  // namespace gradus
