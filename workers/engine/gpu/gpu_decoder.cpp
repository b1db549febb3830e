#include "workers/engine/gpu/gpu_decoder.h"

#include <algorithm>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "workers/engine/gpu/tensor_decoder.h"

namespace gradus {
namespace {

constexpr int kLeastSlots = 64;
constexpr int kSteps = 8;  // Tokens between two waits for the device.

// Activations of a pass, logits in float32 and the pools of the graphs.
std::size_t WorkspaceBytes(const ModelConfig& c, const EngineOptions& options,
                           std::size_t element) {
  const auto rows = static_cast<std::size_t>(options.max_rows + options.prefill_tokens);
  const auto row = static_cast<std::size_t>(8 * c.hidden_size + 4 * c.intermediate_size);
  const auto logits = static_cast<std::size_t>(std::max(options.max_rows, 256)) *
                      static_cast<std::size_t>(c.vocab_size);
  return 2 * rows * row * element + 6 * logits * sizeof(float);
}

}  // namespace

int ArenaSlots(std::size_t free_bytes, std::size_t weight_bytes, std::size_t slot_bytes,
               std::size_t workspace_bytes, int wanted) {
  // A tenth stays free for the allocator's rounding and other users of the device.
  const std::size_t usable = free_bytes / 10 * 9, taken = weight_bytes + workspace_bytes;
  const std::size_t slots = usable > taken ? (usable - taken) / slot_bytes : 0;
  if (slots < kLeastSlots) return 0;
  return static_cast<int>(std::min(slots, static_cast<std::size_t>(wanted)));
}

std::unique_ptr<DecoderBackend> MakeGpuDecoder(const std::filesystem::path& folder,
                                               const EngineOptions& options) {
  if (options.device == EngineDevice::kCpu) return nullptr;
  std::string why_not;
  std::unique_ptr<GpuRuntime> gpu = OpenGpu(why_not);
  if (!gpu) {
    if (options.device == EngineDevice::kCuda) {
      Fail("engine.device cuda: {}; set engine.device to cpu or auto", why_not);
    }
    return nullptr;
  }
  const ModelConfig config = ReadModelConfig(folder);
  const bool full = options.dtype == EngineType::kFloat32;
  const std::size_t element = full ? sizeof(float) : 2;
  const GpuMemory memory = gpu->Memory();
  const std::size_t slot = 2 * element * static_cast<std::size_t>(config.num_layers) *
                           static_cast<std::size_t>(config.num_kv_heads * config.head_dim);
  TensorDecoderOptions decoder;
  decoder.kv_tokens = ArenaSlots(memory.free, WeightBytes(config, element), slot,
                                 WorkspaceBytes(config, options, element), options.kv_tokens);
  if (decoder.kv_tokens == 0) {
    Fail(
        "{}: the model does not fit the {} MiB that GPU {} has free; free some, or set "
        "engine.device to cpu",
        folder.string(), memory.free >> 20, gpu->device());
  }
  decoder.device = at::Device(at::kCUDA, static_cast<at::DeviceIndex>(gpu->device()));
  decoder.type = full ? at::kFloat : at::kBFloat16;
  // The reference attention of float32 looks at the ranges on the host: nothing to record.
  decoder.padded = !full;
  decoder.max_steps = kSteps;
  Log("engine: GPU {}, {}, {} slots of keys and values", gpu->device(),
      full ? "float32" : "bfloat16", decoder.kv_tokens);
  return std::make_unique<TensorDecoder>(folder, decoder, std::move(gpu));
}

}  // namespace gradus
