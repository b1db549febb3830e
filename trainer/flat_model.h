#pragma once
#include <span>
#include <string>
#include <vector>

#include "trainer/adamw.h"
#include "workers/policy/model.h"

namespace gradus {

// A model whose parameters are views of one flat fp32 buffer and whose gradients are views of
// another, so that summing, clipping, updating and saving are single loops. Each parameter starts
// on a 64-byte border; gaps stay zero.
class FlatModel {
 public:
  explicit FlatModel(Model model);
  FlatModel(const FlatModel&) = delete;
  const Model& model() const { return model_; }
  std::span<float> values() { return Flat(values_); }
  std::span<float> gradient() { return Flat(gradient_); }  // Autograd adds to it.
  const std::vector<ParameterRange>& matrices() const {
    return matrices_;
  }  // What weight decay applies to.

 private:
  static std::span<float> Flat(at::Tensor& tensor);

  Model model_;
  at::Tensor values_, gradient_;
  std::vector<ParameterRange> matrices_;
};

}  // namespace gradus
