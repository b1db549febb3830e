#include <ATen/TensorOperators.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/tensor.h>

#include <algorithm>

#include "workers/engine/gpu/tensor_decoder.h"

// What a mixed pass gives of its final hidden states, in slices: float32 logits of a large
// vocabulary are the largest tensors of a pass.
namespace gradus {
namespace {

constexpr std::size_t kSlice = 256;  // Rows of logits at once.

// Indices of the wishes of one kind.
std::vector<std::int64_t> WishesOf(const Pass& pass, OutputWish::Kind kind) {
  std::vector<std::int64_t> found;
  for (std::size_t i = 0; i < pass.wishes.size(); ++i) {
    if (pass.wishes[i].kind == kind) found.push_back(static_cast<std::int64_t>(i));
  }
  return found;
}

std::vector<double> OnHost(const at::Tensor& values) {
  const at::Tensor host = values.to(at::kDouble).cpu().contiguous();
  return {host.const_data_ptr<double>(), host.const_data_ptr<double>() + host.numel()};
}

}  // namespace

void TensorDecoder::GrantLogProbs(const Pass& pass, const at::Tensor& hidden,
                                  PassResult& result) const {
  const std::vector<std::int64_t> wishes = WishesOf(pass, OutputWish::Kind::kLogProb);
  for (std::size_t first = 0; first < wishes.size(); first += kSlice) {
    const std::size_t end = std::min(wishes.size(), first + kSlice);
    const std::vector<std::int64_t> rows(wishes.begin() + static_cast<std::ptrdiff_t>(first),
                                         wishes.begin() + static_cast<std::ptrdiff_t>(end));
    std::vector<std::int64_t> next;
    for (const std::int64_t row : rows)
      next.push_back(pass.wishes[static_cast<std::size_t>(row)].next);
    const auto upload = [&](const std::vector<std::int64_t>& numbers) {
      return ToDevice(at::tensor(numbers, at::kLong), options_.device);
    };
    const at::Tensor logits = Logits(hidden.index_select(0, upload(rows)));
    const std::vector<double> values =
        OnHost(logits.gather(1, upload(next).unsqueeze(1)).squeeze(1) - at::logsumexp(logits, -1));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      result.values[static_cast<std::size_t>(rows[i])] = values[i];
    }
  }
}

void TensorDecoder::GrantValues(const Pass& pass, const at::Tensor& hidden,
                                PassResult& result) const {
  const std::vector<std::int64_t> rows = WishesOf(pass, OutputWish::Kind::kValue);
  if (rows.empty()) return;
  const at::Tensor chosen =
      hidden.index_select(0, ToDevice(at::tensor(rows, at::kLong), options_.device));
  const std::vector<double> values =
      OnHost(at::linear(chosen.to(at::kFloat), weights_.value_weight, weights_.value_bias));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    result.values[static_cast<std::size_t>(rows[i])] = values[i];
  }
}

void TensorDecoder::GrantDraws(const Pass& pass, const at::Tensor& hidden, PassResult& result) {
  std::vector<std::int64_t> rows;  // By draw: the output that it is drawn from.
  std::vector<DrawOrder> orders;
  std::vector<DeviceDraws> all;
  const auto draw = [&] {
    if (rows.empty()) return;
    const at::Tensor index = ToDevice(at::tensor(rows, at::kLong), options_.device);
    all.push_back(DrawPlan(orders, options_.device).Draw(Logits(hidden.index_select(0, index))));
    rows.clear();
    orders.clear();
  };
  for (const std::int64_t row : WishesOf(pass, OutputWish::Kind::kDraws)) {
    const OutputWish& wish = pass.wishes[static_cast<std::size_t>(row)];
    if (wish.top > 0) {
      const at::Tensor logits = Logits(hidden.narrow(0, row, 1)).cpu().contiguous();
      result.tops.push_back(host_sampler_.Top(logits.const_data_ptr<float>(), wish.top));
    }
    for (int i = 0; i < wish.samples; ++i) {
      const Seed seed = MixSeed(wish.seed, static_cast<std::uint64_t>(wish.first_sample + i),
                                static_cast<std::uint64_t>(wish.position));
      rows.push_back(row);
      orders.push_back({*wish.sampling, UniformFromBits(seed)});
      if (rows.size() == kSlice) draw();
    }
  }
  draw();
  TakeDraws(all, result);
}

// Waits for the device.
void TensorDecoder::TakeDraws(const std::vector<DeviceDraws>& draws, PassResult& result) const {
  for (const DeviceDraws& part : draws) {
    const at::Tensor ids = part.ids.cpu().contiguous(), logprobs = part.logprobs.cpu().contiguous();
    for (std::int64_t i = 0; i < ids.numel(); ++i) {
      result.draws.push_back({static_cast<TokenId>(ids.const_data_ptr<std::int64_t>()[i]),
                              logprobs.const_data_ptr<float>()[i]});
    }
  }
}

}  // namespace gradus
