#include "trainer/collectives/partial_sums.h"

#include <ATen/ops/empty_like.h>

#include <utility>

namespace gradus {
namespace {

at::Tensor At(const at::Tensor& buffer, ParameterRange range) {
  return buffer.narrow(0, std::int64_t(range.first), std::int64_t(range.size()));
}

}  // namespace

PartialSums::PartialSums(int leaves, at::Tensor first) : counter_(leaves) {
  buffers_.push_back(std::move(first));
}

void PartialSums::Arrive(TreeNode node) {
  merges_ = std::size_t(counter_.Arrive(node));
  while (buffers_.size() < counter_.waiting().size()) {
    buffers_.push_back(at::empty_like(buffers_[0]));
  }
}

void PartialSums::Add(const at::Tensor& values, ParameterRange range) {
  std::size_t place = counter_.waiting().size() - 1 + merges_;
  if (merges_ == 0) At(buffers_[place], range).copy_(values);
  at::Tensor arriving = values;
  for (std::size_t merge = 0; merge < merges_; ++merge) {
    const at::Tensor into = At(buffers_[--place], range);
    into.add_(arriving);
    arriving = into;
  }
}

std::vector<at::Tensor> PartialSums::Waiting(ParameterRange range) const {
  std::vector<at::Tensor> sums;
  for (std::size_t i = 0; i < counter_.waiting().size(); ++i) {
    sums.push_back(At(buffers_[i], range));
  }
  return sums;
}

}  // namespace gradus
