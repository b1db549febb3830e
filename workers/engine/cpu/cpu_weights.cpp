#include <algorithm>
#include <utility>

#include "schemas/base/error.h"
#include "workers/engine/cpu/cpu_decoder.h"
#include "workers/models/decoder_parts.h"
#include "workers/models/folder_weights.h"
#include "workers/models/safetensors.h"

// How weights come from a folder to where the CPU's kernels want them.
namespace gradus {
namespace {

constexpr int kAlign = 16;  // Floats: matrices begin at whole cache lines.
// Of the order of the packed weights in memory: to be raised with any change of it.
constexpr int kPackingVersion = 1;

}  // namespace

void CpuDecoder::LoadWeights(const std::filesystem::path& folder,
                             const std::filesystem::path& shared_folder,
                             const std::string& digest) {
  for (int i = 0; i < config_.num_layers; ++i) MakeLayer(i);
  head_ = PackedMatrix(config_.vocab_size, config_.hidden_size);
  bool filled = false;
  packed_ = SharedFloats(shared_folder, fmt::format("{}-v{}", digest, kPackingVersion),
                         PlaceWeights(nullptr), [&](float* base) {
                           ReadParameters(folder, base);
                           filled = true;
                         });
  if (!filled) ReadParameters(folder, nullptr);
  PlaceWeights(packed_.data());
  value_head_ = ReadValueHead(folder, config_.hidden_size);
}

// Points the large weights into the memory at `base`; returns how many floats they take.
std::size_t CpuDecoder::PlaceWeights(const float* base) {
  std::size_t size = 0;
  const auto place = [&](std::size_t count) {
    const float* at = base == nullptr ? nullptr : base + size;
    size += (count + kAlign - 1) / kAlign * kAlign;
    return at;
  };
  embedding_ = place(static_cast<std::size_t>(config_.vocab_size) *
                     static_cast<std::size_t>(config_.hidden_size));
  head_.Use(place(head_.Size()));
  for (Layer& layer : layers_) {
    for (PackedMatrix* matrix : {&layer.qkv, &layer.output, &layer.gate_up, &layer.down}) {
      matrix->Use(place(matrix->Size()));
    }
  }
  return size;
}

// Takes all weights of the folder, the large ones into the memory at `base`; none: those are there.
void CpuDecoder::ReadParameters(const std::filesystem::path& folder, float* base) {
  PlaceWeights(base);
  const FolderWeights weights(folder);
  for (const ParameterShape& parameter : DecoderParameters(config_)) {
    const StoredTensor& stored = weights.Get(parameter.name, parameter.shape);
    if (base == nullptr && parameter.shape.size() > 1) continue;
    std::vector<float> values(static_cast<std::size_t>(stored.Elements()));
    CopyToFloat(stored, parameter.name, values.data());
    TakeParameter(parameter, std::move(values), base);
  }
  if (base != nullptr && config_.tie_embeddings) {
    head_.Pack(0, config_.vocab_size, embedding_, base + (head_.panels() - base));
  }
}

void CpuDecoder::MakeLayer(int index) {
  const ModelConfig& c = config_;
  const int q = c.num_heads * c.head_dim, kv = c.num_kv_heads * c.head_dim;
  Layer& layer = layers_.emplace_back();
  layer.window = c.windows.at(static_cast<std::size_t>(index));
  layer.qkv = PackedMatrix(q + 2 * kv, c.hidden_size);
  layer.qkv_bias = FloatBuffer(static_cast<std::size_t>(layer.qkv.stride()));
  layer.output = PackedMatrix(c.hidden_size, q);
  layer.gate_up = PackedMatrix(2 * c.intermediate_size, c.hidden_size);
  layer.down = PackedMatrix(c.hidden_size, c.intermediate_size);
}

// Puts a parameter where the kernels want it: all families end in the same fused matrices.
void CpuDecoder::TakeParameter(const ParameterShape& parameter, std::vector<float> values,
                               float* base) {
  using Part = DecoderPart;
  const Part part = parameter.part;
  if (part == Part::kEmbedding) {
    std::copy(values.begin(), values.end(), base + (embedding_ - base));
  } else if (part == Part::kFinalNorm) {
    final_norm_ = std::move(values);
  } else if (part == Part::kHead) {
    head_.Pack(0, config_.vocab_size, values.data(), base + (head_.panels() - base));
  } else {
    TakeLayerParameter(layers_.at(static_cast<std::size_t>(parameter.layer)), parameter,
                       std::move(values), base);
  }
}

void CpuDecoder::TakeLayerParameter(Layer& layer, const ParameterShape& parameter,
                                    std::vector<float> values, float* base) {
  using Part = DecoderPart;
  const int q = config_.num_heads * config_.head_dim, kv = config_.num_kv_heads * config_.head_dim;
  const auto fill = [&](const PackedMatrix& matrix, int first) {
    matrix.Pack(first, static_cast<int>(parameter.shape[0]), values.data(),
                base + (matrix.panels() - base));
  };
  const auto bias = [&](int first) {
    std::copy(values.begin(), values.end(), layer.qkv_bias.data() + first);
  };
  switch (parameter.part) {
    case Part::kInputNorm:
      layer.input_norm = std::move(values);
      return;
    case Part::kPostNorm:
      layer.post_norm = std::move(values);
      return;
    case Part::kQNorm:
      layer.q_norm = std::move(values);
      return;
    case Part::kKNorm:
      layer.k_norm = std::move(values);
      return;
    case Part::kQ:
    case Part::kQkv:
      return fill(layer.qkv, 0);
    case Part::kK:
      return fill(layer.qkv, q);
    case Part::kV:
      return fill(layer.qkv, q + kv);
    case Part::kQBias:
      return bias(0);
    case Part::kKBias:
      return bias(q);
    case Part::kVBias:
      return bias(q + kv);
    case Part::kO:
      return fill(layer.output, 0);
    case Part::kGate:
    case Part::kGateUp:
      return fill(layer.gate_up, 0);
    case Part::kUp:
      return fill(layer.gate_up, config_.intermediate_size);
    case Part::kDown:
      return fill(layer.down, 0);
    default:
      Fail("no such part of a layer");
  }
}

}  // namespace gradus
