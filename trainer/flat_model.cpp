#include "trainer/flat_model.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>

#include <utility>

#include "schemas/base/error.h"

namespace gradus {
namespace {

constexpr std::int64_t kAlign = 16;  // Floats.

}  // namespace

FlatModel::FlatModel(Model model) : model_(std::move(model)) {
  at::set_num_threads(
      1);  // One rank is one core; more threads would also change the order of sums.
  const auto parameters = NamedParameters(model_);
  std::int64_t total = 0;
  for (const auto& [name, tensor] : parameters)
    total += (tensor.numel() + kAlign - 1) / kAlign * kAlign;
  values_ = at::zeros({total}, at::kFloat);
  gradient_ = at::zeros({total}, at::kFloat);

  std::int64_t at = 0;
  for (const auto& [name, tensor] : parameters) {
    Require(tensor.scalar_type() == at::kFloat, "training wants fp32 parameters");
    const at::Tensor view = values_.narrow(0, at, tensor.numel()).view(tensor.sizes());
    {
      at::NoGradGuard no_grad;
      view.copy_(tensor.detach());
    }
    // The handles in `model_` share this tensor, so they see the view from here on.
    tensor.set_data(view);
    tensor.requires_grad_(true);
    tensor.mutable_grad() = gradient_.narrow(0, at, tensor.numel()).view(tensor.sizes());
    if (tensor.dim() >= 2) {
      matrices_.push_back({std::size_t(at), std::size_t(at + tensor.numel())});
    }
    at += (tensor.numel() + kAlign - 1) / kAlign * kAlign;
  }
}

std::span<float> FlatModel::Flat(at::Tensor& tensor) {
  return {tensor.mutable_data_ptr<float>(), std::size_t(tensor.numel())};
}

}  // namespace gradus
