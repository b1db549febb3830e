#pragma once
#include <filesystem>
#include <memory>

#include "workers/engine/decoder_backend.h"

namespace gradus {

// The decoder on this rank's GPU, or none: `engine.device` is cpu, or auto without a usable GPU
// (and a line in the log). Throws Error when a GPU is asked for and none can be used, or when the
// weights and an arena do not fit its memory.
std::unique_ptr<DecoderBackend> MakeGpuDecoder(const std::filesystem::path& folder,
                                               const EngineOptions& options);

// Slots of the arena: what fits beside the weights, at most `wanted`; at least 64, or 0.
int ArenaSlots(std::size_t free_bytes, std::size_t weight_bytes, std::size_t slot_bytes,
               std::size_t workspace_bytes, int wanted);

}  // namespace gradus
