#pragma once
#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "workers/engine/decoder_backend.h"
#include "workers/engine/gpu/device_sampler.h"
#include "workers/engine/gpu/device_weights.h"
#include "workers/engine/gpu/gpu_runtime.h"
#include "workers/engine/gpu/pass_tensors.h"
#include "workers/engine/sampling.h"

namespace gradus {

struct TensorDecoderOptions {
  at::Device device = at::kCPU;
  at::ScalarType type = at::kFloat;
  int kv_tokens = 0;    // Slots of the arena.
  int max_steps = 1;    // Tokens of a sample between two waits for the device.
  bool padded = false;  // Passes of samples alone are padded to a bucket, one graph each on a GPU.
};

// The decoder by tensor operations: on a GPU, and on the CPU as the reference that tests compare.
// Siblings read their shared prefix together. Results are equal from run to run only statistically:
// a row's last bits depend on the size of the batch.
class TensorDecoder final : public DecoderBackend {
 public:
  // `gpu` is there for a CUDA device, and outlives nothing: the decoder owns it.
  TensorDecoder(const std::filesystem::path& folder, const TensorDecoderOptions& options,
                std::unique_ptr<GpuRuntime> gpu = nullptr);
  ~TensorDecoder() override;

  const ModelConfig& config() const override { return config_; }
  bool has_value_head() const override { return weights_.value_weight.defined(); }
  int kv_tokens() const override { return options_.kv_tokens; }
  SlotLayout layout() const override { return SlotLayout::kRuns; }
  int max_steps() const override { return options_.max_steps; }
  void Compute(const Pass& pass, PassResult& result) override;

 private:
  // One recorded pass: its inputs, its output and, on a GPU, the graph.
  struct Recorded {
    PassTensors inputs;
    at::Tensor hidden;
    std::unique_ptr<GpuGraph> graph;
  };

  void MakeArena();
  void MakeRotations();
  PassShape Shape() const;
  std::vector<TokenRow> Ordered(const Pass& pass, std::vector<int>& order) const;
  void ComputeMixed(const Pass& pass, PassResult& result);
  void ComputeSteps(const Pass& pass, PassResult& result);
  at::Tensor HiddenOfStep(std::span<const TokenRow> rows, const at::Tensor& tokens);
  Recorded& RecordedFor(const PassNumbers& numbers);
  void TakeDraws(const std::vector<DeviceDraws>& draws, PassResult& result) const;

  // Final hidden states, normalised: [R, hidden].
  at::Tensor Forward(const PassTensors& pass);
  at::Tensor Attend(std::size_t layer, const at::Tensor& x, const PassTensors& pass,
                    const at::Tensor& cos, const at::Tensor& sin);
  at::Tensor Norm(const at::Tensor& x, const at::Tensor& weight) const;
  at::Tensor Logits(const at::Tensor& hidden) const;

  void GrantDraws(const Pass& pass, const at::Tensor& hidden, PassResult& result);
  void GrantLogProbs(const Pass& pass, const at::Tensor& hidden, PassResult& result) const;
  void GrantValues(const Pass& pass, const at::Tensor& hidden, PassResult& result) const;

  TensorDecoderOptions options_;
  std::unique_ptr<GpuRuntime> gpu_;
  ModelConfig config_;
  int window_ = 0;  // Of the layers that have one.
  DeviceWeights weights_;
  std::vector<at::Tensor> keys_, values_;  // By layer: [slots + 1, kv heads, d]; the last: scratch.
  at::Tensor cos_, sin_;                   // float32 [tables · max length, 1, turning / 2]
  TokenSampler host_sampler_;              // For the largest logits.
  std::map<std::vector<std::int64_t>, Recorded> recorded_;
};

}  // namespace gradus
