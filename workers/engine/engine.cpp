#include "workers/engine/engine.h"

#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "workers/engine/batching_engine.h"
#include "workers/engine/cpu/cpu_decoder.h"
#include "workers/engine/gpu/gpu_decoder.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

constexpr const char* kSharedFolder = "/dev/shm";  // A file system in memory on every Linux.

}  // namespace

void Bind(Settings& settings, EngineOptions& options) {
  settings.Choice(
      "device", options.device,
      {{"auto", EngineDevice::kAuto}, {"cpu", EngineDevice::kCpu}, {"cuda", EngineDevice::kCuda}},
      "where models generate: auto takes a GPU where one is usable, else the CPU");
  settings.Choice(
      "dtype", options.dtype,
      {{"auto", EngineType::kAuto},
       {"float32", EngineType::kFloat32},
       {"bfloat16", EngineType::kBfloat16}},
      "number type of generation: auto is bfloat16 on a GPU; the CPU knows float32 alone");
  settings.Field("max_rows", options.max_rows, {1, 1 << 16}, "sequences decoded at once");
  settings.Field("prefill_tokens", options.prefill_tokens, {1, 1 << 20},
                 "context tokens computed per tick");
  settings.Field("kv_tokens", options.kv_tokens, {64, 1 << 28},
                 "size of the key/value arena in tokens; unused parts take no memory");
  settings.Field("share_weights", options.share_weights,
                 "on the CPU, the processes of a host keep one copy of a model, in /dev/shm");
  settings.Field("ppm_scale", options.ppm_scale, {1e-6, 1e6},
                 "score = tanh(raw / ppm_scale): 1 in the paper, 5 in the released code");
}

std::unique_ptr<Engine> MakeEngine(const std::filesystem::path& model,
                                   const EngineOptions& options) {
  const std::string digest = ModelDigest(model);
  std::unique_ptr<DecoderBackend> decoder = MakeGpuDecoder(model, options);
  if (!decoder) {
    if (options.dtype == EngineType::kBfloat16) {
      Fail("engine.dtype bfloat16: on the CPU only float32 is supported");
    }
    decoder = std::make_unique<CpuDecoder>(model, options.max_rows + options.prefill_tokens,
                                           options.kv_tokens,
                                           options.share_weights ? kSharedFolder : "", digest);
  }
  return std::make_unique<BatchingEngine>(model, digest, std::move(decoder), options);
}

}  // namespace gradus
