#pragma once
#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

#include "trainer/collectives/gradient_layout.h"
#include "trainer/model/model.h"
#include "trainer/options.h"

namespace gradus {

// A model whose parameters are views of one flat buffer and whose gradient is another one in fp32,
// so that summing, clipping, updating and saving are single loops. Each parameter starts on a
// 64-byte border; gaps stay zero.
class FlatModel {
 public:
  // `device`: the GPU to live on; -1: host memory.
  explicit FlatModel(Model model, Precision precision = Precision::kFp32, int device = -1);
  ~FlatModel();
  FlatModel(const FlatModel&) = delete;
  const Model& model() const { return model_; }
  at::Tensor& values() { return values_; }      // [parameters], of the precision's type.
  at::Tensor& gradient() { return gradient_; }  // [parameters] fp32; backward adds to it.
  std::size_t parameters() const { return std::size_t(values_.numel()); }
  const std::vector<ParameterRange>& ranges() const { return ranges_; }  // By parameter.
  const std::vector<ParameterRange>& matrices() const {
    return matrices_;
  }  // What weight decay applies to.

  // Called within backward whenever a gradient was added to a parameter.
  void OnGradient(std::function<void(std::size_t parameter)> callback) {
    on_gradient_ = std::move(callback);
  }

  // Training is over: the parameters become fp32 in host memory, ready to be saved. `masters`:
  // the gradient buffer holds the fp32 master weights of a bf16 model.
  void Settle(bool masters);

 private:
  class Hook;
  void Accumulated(std::size_t parameter, const at::Tensor& tensor);

  Model model_;
  at::Tensor values_, gradient_;
  std::vector<ParameterRange> ranges_, matrices_;
  std::function<void(std::size_t)> on_gradient_;
};

}  // namespace gradus
