#include "workers/engine/gpu/tensor_decoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/rms_norm.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "schemas/base/error.h"

namespace gradus {
namespace {

std::int64_t Long(std::size_t value) { return static_cast<std::int64_t>(value); }

// x [R, heads, d]: turns the halves of each head's leading dimensions against each other, in
// float32.
at::Tensor Rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  const std::int64_t half = cos.size(-1), rest = x.size(-1) - 2 * half;
  const at::Tensor low = x.narrow(-1, 0, half), high = x.narrow(-1, half, half);
  std::vector<at::Tensor> parts = {(low * cos - high * sin).to(x.scalar_type()),
                                   (high * cos + low * sin).to(x.scalar_type())};
  if (rest > 0) parts.push_back(x.narrow(-1, 2 * half, rest));
  return at::cat(parts, -1);
}

}  // namespace

TensorDecoder::TensorDecoder(const std::filesystem::path& folder,
                             const TensorDecoderOptions& options, std::unique_ptr<GpuRuntime> gpu)
    : options_(options),
      gpu_(std::move(gpu)),
      config_(ReadModelConfig(folder)),
      weights_(LoadDeviceWeights(folder, config_, options.device, options.type)),
      host_sampler_(config_.vocab_size) {
  for (const int window : config_.windows) {
    if (window == 0) continue;
    Require(window_ == 0 || window_ == window, "layers with windows of different sizes");
    window_ = window;
  }
  if (gpu_) gpu_->Use();
  MakeArena();
  MakeRotations();
}

// Graphs point into the arena: they go first.
TensorDecoder::~TensorDecoder() { recorded_.clear(); }

void TensorDecoder::MakeArena() {
  const auto options = at::TensorOptions().device(options_.device).dtype(options_.type);
  for (int i = 0; i < config_.num_layers; ++i) {
    for (std::vector<at::Tensor>* side : {&keys_, &values_}) {
      side->push_back(at::zeros(
          {std::int64_t{options_.kv_tokens} + 1, config_.num_kv_heads, config_.head_dim}, options));
    }
  }
}

void TensorDecoder::MakeRotations() {
  const RopeConfig& rope = config_.rope;
  const std::int64_t length = MaxLength(), half = rope.dims / 2;
  at::Tensor cos = at::empty({rope.tables() * length, 1, half}, at::kFloat);
  at::Tensor sin = at::empty_like(cos);
  for (int table = 0; table < rope.tables(); ++table) {
    const std::int64_t first = table * length * half;
    FillRotations(rope, table, MaxLength(), cos.data_ptr<float>() + first,
                  sin.data_ptr<float>() + first);
  }
  cos_ = cos.to(options_.device);
  sin_ = sin.to(options_.device);
}

PassShape TensorDecoder::Shape() const {
  return {.group = config_.num_heads / config_.num_kv_heads,
          .max_length = MaxLength(),
          .window = window_,
          .scratch = options_.kv_tokens};
}

std::vector<TokenRow> TensorDecoder::Ordered(const Pass& pass, std::vector<int>& order) const {
  order = AttentionOrder(pass.rows);
  std::vector<TokenRow> rows;
  for (const int index : order) rows.push_back(pass.rows[static_cast<std::size_t>(index)]);
  return rows;
}

void TensorDecoder::Compute(const Pass& pass, PassResult& result) {
  const c10::InferenceMode guard;
  if (gpu_) gpu_->Use();
  result.draws.clear();
  result.tops.clear();
  result.values.assign(pass.wishes.size(), 0);
  const bool samples_alone = std::all_of(pass.rows.begin(), pass.rows.end(),
                                         [](const TokenRow& row) { return row.shared >= 0; });
  samples_alone ? ComputeSteps(pass, result) : ComputeMixed(pass, result);
}

void TensorDecoder::ComputeMixed(const Pass& pass, PassResult& result) {
  Require(pass.steps == 1, "several steps are for samples alone");
  std::vector<int> order;
  const std::vector<TokenRow> rows = Ordered(pass, order);
  const PassNumbers numbers(rows, pass.copies, Shape());
  const at::Tensor hidden = Forward(numbers.Upload(options_.device));
  if (pass.wishes.empty()) return;
  // By wish: the row that it is about.
  std::vector<std::int64_t> place(rows.size()), outputs;
  for (std::size_t i = 0; i < order.size(); ++i)
    place[static_cast<std::size_t>(order[i])] = Long(i);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (pass.rows[i].output) outputs.push_back(place[i]);
  }
  Require(outputs.size() == pass.wishes.size(), "the pass lost an output row");
  const at::Tensor wanted =
      hidden.index_select(0, ToDevice(at::tensor(outputs, at::kLong), options_.device));
  GrantLogProbs(pass, wanted, result);
  GrantValues(pass, wanted, result);
  GrantDraws(pass, wanted, result);
}

// Token after token on the device: only positions are known here, so the host waits once.
void TensorDecoder::ComputeSteps(const Pass& pass, PassResult& result) {
  Require(pass.copies.empty() && pass.wishes.size() == pass.rows.size(),
          "every row of a sample draws");
  std::vector<int> order;
  std::vector<TokenRow> rows = Ordered(pass, order);
  const std::vector<std::int64_t> places(order.begin(), order.end());
  const at::Tensor back = ToDevice(at::tensor(places, at::kLong).argsort(), options_.device);
  std::vector<DeviceDraws> all;
  at::Tensor tokens;
  for (int step = 0; step < pass.steps; ++step) {
    std::vector<DrawOrder> orders;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const OutputWish& wish = pass.wishes[static_cast<std::size_t>(order[i])];
      const Seed seed = MixSeed(wish.seed, static_cast<std::uint64_t>(wish.first_sample),
                                static_cast<std::uint64_t>(wish.position + step));
      orders.push_back({*wish.sampling, UniformFromBits(seed)});
    }
    const at::Tensor hidden = HiddenOfStep(rows, tokens).narrow(0, 0, Long(rows.size()));
    const DeviceDraws draws = DrawPlan(orders, options_.device).Draw(Logits(hidden));
    tokens = draws.ids;
    all.push_back({draws.ids.index_select(0, back), draws.logprobs.index_select(0, back)});
    if (step + 1 == pass.steps) break;
    for (TokenRow& row : rows) row.slot = row.slots[++row.position];
  }
  TakeDraws(all, result);
}

// `tokens` on the device takes the place of those of the rows, where it is defined.
at::Tensor TensorDecoder::HiddenOfStep(std::span<const TokenRow> rows, const at::Tensor& tokens) {
  const int count = static_cast<int>(rows.size());
  const PassNumbers numbers(rows, {}, Shape(), options_.padded ? RowBucket(count) : 0);
  if (!options_.padded) {
    const PassTensors inputs = numbers.Upload(options_.device);
    if (tokens.defined()) inputs.tokens.copy_(tokens);
    return Forward(inputs);
  }
  Recorded& recorded = RecordedFor(numbers);
  numbers.UploadInto(recorded.inputs, options_.device);
  if (tokens.defined()) recorded.inputs.tokens.narrow(0, 0, count).copy_(tokens);
  if (recorded.graph) {
    recorded.graph->Replay();
  } else {
    recorded.hidden = Forward(recorded.inputs);
  }
  return recorded.hidden;
}

TensorDecoder::Recorded& TensorDecoder::RecordedFor(const PassNumbers& numbers) {
  const auto [entry, made] = recorded_.try_emplace(numbers.key());
  Recorded& recorded = entry->second;
  if (!made) return recorded;
  recorded.inputs = numbers.Upload(options_.device);
  if (gpu_) {
    recorded.graph = gpu_->Record([&] { recorded.hidden = Forward(recorded.inputs); });
  }
  return recorded;
}

at::Tensor TensorDecoder::Norm(const at::Tensor& x, const at::Tensor& weight) const {
  return at::rms_norm(x, {x.size(-1)}, weight, config_.rms_norm_eps);
}

at::Tensor TensorDecoder::Logits(const at::Tensor& hidden) const {
  return at::linear(hidden, weights_.head).to(at::kFloat);
}

at::Tensor TensorDecoder::Forward(const PassTensors& pass) {
  at::Tensor x = weights_.embedding.index_select(0, pass.tokens);
  const at::Tensor cos = cos_.index_select(0, pass.rotations);
  const at::Tensor sin = sin_.index_select(0, pass.rotations);
  for (std::size_t i = 0; i < weights_.layers.size(); ++i) {
    const DeviceLayer& layer = weights_.layers[i];
    x = x + at::linear(Attend(i, Norm(x, layer.input_norm), pass, cos, sin), layer.output);
    const std::vector<at::Tensor> halves =
        at::linear(Norm(x, layer.post_norm), layer.gate_up).chunk(2, -1);
    x = x + at::linear(at::silu(halves[0]) * halves[1], layer.down);
  }
  return Norm(x, weights_.final_norm);
}

// x [R, hidden] → [R, heads · d]. All new keys are in the arena before any is read.
at::Tensor TensorDecoder::Attend(std::size_t index, const at::Tensor& x, const PassTensors& pass,
                                 const at::Tensor& cos, const at::Tensor& sin) {
  const DeviceLayer& layer = weights_.layers[index];
  const std::int64_t rows = x.size(0), d = config_.head_dim;
  const std::int64_t heads = config_.num_heads, kv = config_.num_kv_heads;
  const at::Tensor qkv = at::linear(x, layer.qkv, layer.qkv_bias).view({rows, heads + 2 * kv, d});
  at::Tensor q = qkv.narrow(1, 0, heads), k = qkv.narrow(1, heads, kv);
  if (layer.q_norm.defined()) {
    q = Norm(q, layer.q_norm);
    k = Norm(k, layer.k_norm);
  }
  q = Rotate(q, cos, sin);
  at::Tensor &keys = keys_[index], &values = values_[index];
  keys.index_copy_(0, pass.slots, Rotate(k, cos, sin));
  values.index_copy_(0, pass.slots, qkv.narrow(1, heads + kv, kv));
  if (pass.from.size(0) > 0) {
    keys.index_copy_(0, pass.to, keys.index_select(0, pass.from));
    values.index_copy_(0, pass.to, values.index_select(0, pass.from));
  }
  const PlanTensors& plan = layer.window > 0 ? pass.windowed : pass.all;
  std::vector<PartialAttention> own;
  if (plan.sample_rows > 0) {
    own.push_back(AttendRanges(q.narrow(0, 0, plan.sample_rows), keys, values, plan.samples));
  }
  if (plan.sample_rows < rows) {
    own.push_back(AttendRanges(q.narrow(0, plan.sample_rows, rows - plan.sample_rows), keys, values,
                               plan.runs));
  }
  const PartialAttention mine = own.size() == 1
                                    ? own[0]
                                    : PartialAttention{at::cat({own[0].out, own[1].out}),
                                                       at::cat({own[0].lse, own[1].lse}, 1)};
  return MergeAttention(AttendFolded(q, keys, values, plan.before), mine).view({rows, heads * d});
}

}  // namespace gradus
