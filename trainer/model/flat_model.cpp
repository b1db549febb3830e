#include "trainer/model/flat_model.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <utility>

#include "schemas/base/error.h"

namespace gradus {
namespace {

constexpr std::int64_t kAlign = 16;  // Values.

at::Tensor Shaped(const at::Tensor& flat, ParameterRange range, const at::Tensor& like) {
  return flat.narrow(0, std::int64_t(range.first), std::int64_t(range.size())).view(like.sizes());
}

}  // namespace

class FlatModel::Hook final : public torch::autograd::PostAccumulateGradHook {
 public:
  Hook(FlatModel& model, std::size_t parameter) : model_(model), parameter_(parameter) {}
  void operator()(const at::Tensor& tensor) override { model_.Accumulated(parameter_, tensor); }

 private:
  FlatModel& model_;
  std::size_t parameter_;
};

FlatModel::FlatModel(Model model, Precision precision, int device) : model_(std::move(model)) {
  at::set_num_threads(
      1);  // One rank is one core; more threads would also change the order of sums.
  const auto parameters = NamedParameters(model_);
  std::int64_t total = 0;
  for (const auto& [name, tensor] : parameters)
    total += (tensor.numel() + kAlign - 1) / kAlign * kAlign;
  const at::Device place =
      device < 0 ? at::Device(at::kCPU) : at::Device(at::kCUDA, c10::DeviceIndex(device));
  const auto options = at::TensorOptions().device(place);
  values_ =
      at::zeros({total}, options.dtype(precision == Precision::kBf16 ? at::kBFloat16 : at::kFloat));
  gradient_ = at::zeros({total}, options.dtype(at::kFloat));

  std::int64_t at = 0;
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const at::Tensor& tensor = parameters[p].second;
    Require(tensor.scalar_type() == at::kFloat, "training wants a model in fp32 to start from");
    ranges_.push_back({std::size_t(at), std::size_t(at + tensor.numel())});
    const at::Tensor view = Shaped(values_, ranges_[p], tensor);
    {
      at::NoGradGuard no_grad;
      view.copy_(tensor.detach());
    }
    // The handles in `model_` share this tensor, so they see the view from here on.
    tensor.set_data(view);
    tensor.requires_grad_(true);
    if (precision == Precision::kFp32)
      tensor.mutable_grad() = Shaped(gradient_, ranges_[p], tensor);
    torch::autograd::impl::set_post_acc_grad_hooks(tensor, std::make_unique<Hook>(*this, p));
    if (tensor.dim() >= 2) matrices_.push_back(ranges_[p]);
    at += (tensor.numel() + kAlign - 1) / kAlign * kAlign;
  }
}

FlatModel::~FlatModel() {
  // The tensors may outlive this object in another handle.
  for (const auto& [name, tensor] : NamedParameters(model_))
    torch::autograd::impl::set_post_acc_grad_hooks(tensor, nullptr);
}

void FlatModel::Accumulated(std::size_t parameter, const at::Tensor& tensor) {
  at::Tensor& gradient = tensor.mutable_grad();
  if (gradient.scalar_type() != at::kFloat) {
    // Autograd keeps a gradient in the type of its parameter: it is moved into the fp32 sum.
    Shaped(gradient_, ranges_[parameter], tensor).add_(gradient);
    gradient.reset();
  }
  if (on_gradient_) on_gradient_(parameter);
}

void FlatModel::Settle(bool masters) {
  const at::NoGradGuard no_grad;
  values_ = (masters ? gradient_ : values_).to(at::kCPU, at::kFloat);
  const auto parameters = NamedParameters(model_);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    const at::Tensor& tensor = parameters[p].second;
    tensor.mutable_grad().reset();
    tensor.set_data(Shaped(values_, ranges_[p], tensor));
  }
}

}  // namespace gradus
