#include "trainer/optimizer/optimizer_shard.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros_like.h>

#include <span>

#include "trainer/optimizer/adamw.h"

namespace gradus {
namespace {

at::Tensor At(const at::Tensor& flat, ParameterRange range) {
  return flat.narrow(0, std::int64_t(range.first), std::int64_t(range.size()));
}

std::span<float> Host(at::Tensor& tensor) {
  return {tensor.mutable_data_ptr<float>(), std::size_t(tensor.numel())};
}

std::span<const float> Host(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), std::size_t(tensor.numel())};
}

}  // namespace

void ApplyFusedAdamW(const at::Tensor& masters, const at::Tensor& first_moment,
                     const at::Tensor& second_moment, const at::Tensor& gradient,
                     const std::vector<ParameterRange>& decayed, const OptimizerOptions& options,
                     double lr, double scale, std::uint64_t update) {
  std::vector<ParameterRange> rest;
  std::size_t at = 0;
  for (const ParameterRange& matrix : decayed) {
    rest.push_back({at, matrix.first});
    at = matrix.last;
  }
  rest.push_back({at, std::size_t(masters.numel())});

  // The kernel divides the gradient by it, and writes the quotient back.
  const at::Tensor divisor = at::full({}, 1.0 / scale, gradient.options());
  const at::Tensor step = at::full({}, double(update), gradient.options());
  const auto apply = [&](const std::vector<ParameterRange>& ranges, double decay) {
    std::vector<at::Tensor> values, gradients, first, second, steps;
    for (const ParameterRange& range : ranges) {
      if (range.empty()) continue;
      values.push_back(At(masters, range));
      gradients.push_back(At(gradient, range));
      first.push_back(At(first_moment, range));
      second.push_back(At(second_moment, range));
      steps.push_back(step);
    }
    if (values.empty()) return;
    at::_fused_adamw_(values, gradients, first, second, {}, steps, lr, options.beta1, options.beta2,
                      decay, options.eps, false, false, divisor, {});
  };
  apply(decayed, options.weight_decay);
  apply(rest, 0);
}

OptimizerShard::OptimizerShard(FlatModel& model, ParameterRange shard)
    : range_(shard), values_(At(model.values(), shard)) {
  masters_ = values_.scalar_type() == at::kFloat ? values_ : values_.to(at::kFloat);
  first_moment_ = at::zeros_like(masters_);
  second_moment_ = at::zeros_like(masters_);
  for (const ParameterRange& matrix : model.matrices()) {
    const ParameterRange own = Intersection(matrix, shard);
    if (!own.empty()) decayed_.push_back({own.first - shard.first, own.last - shard.first});
  }
}

std::vector<double> OptimizerShard::Squares(const at::Tensor& gradient) const {
  if (gradient.is_cpu()) return BlockSquares(Host(gradient));
  std::vector<double> squares;
  const std::int64_t whole = gradient.numel() / std::int64_t(kBlock) * std::int64_t(kBlock);
  const auto append = [&](const at::Tensor& blocks) {
    const at::Tensor norms =
        at::linalg_vector_norm(blocks, 2, at::IntArrayRef{1}, false, at::kDouble).cpu();
    for (std::int64_t i = 0; i < norms.numel(); ++i) {
      const double norm = norms.const_data_ptr<double>()[i];
      squares.push_back(norm * norm);
    }
  };
  if (whole > 0) append(gradient.narrow(0, 0, whole).view({-1, std::int64_t(kBlock)}));
  if (whole < gradient.numel())
    append(gradient.narrow(0, whole, gradient.numel() - whole).unsqueeze(0));
  return squares;
}

void OptimizerShard::Update(const at::Tensor& gradient, const OptimizerOptions& options, double lr,
                            double scale, std::uint64_t update) {
  if (gradient.is_cpu()) {
    ApplyAdamW({Host(masters_), Host(first_moment_), Host(second_moment_)}, Host(gradient),
               decayed_, options, lr, scale, update);
  } else {
    ApplyFusedAdamW(masters_, first_moment_, second_moment_, gradient, decayed_, options, lr, scale,
                    update);
  }
  CopyToModel();
}

void OptimizerShard::CopyToModel() {
  if (!masters_.is_same(values_)) values_.copy_(masters_);
}

}  // namespace gradus
