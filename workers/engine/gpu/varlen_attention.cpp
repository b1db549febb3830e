#include "workers/engine/gpu/varlen_attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "schemas/base/error.h"

namespace gradus {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

PartialAttention AttendByFlash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                               const KeyRangeTensors& ranges) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  std::optional<std::int64_t> left, right;
  if (ranges.window_left >= 0) {
    left = ranges.window_left;
    right = 0;
  }
  auto result = at::_flash_attention_forward(q, k, v, ranges.cum_q, ranges.begin_k, ranges.max_q,
                                             ranges.max_k, 0.0, ranges.causal, false, scale, left,
                                             right, ranges.used_k, std::nullopt);
  return {std::get<0>(result), std::get<1>(result)};
}

// Scores [heads, n, m] with what a query may not see at −∞.
at::Tensor MaskedScores(at::Tensor scores, const KeyRangeTensors& ranges) {
  if (!ranges.causal) return scores;
  const auto options = scores.options().dtype(at::kLong);
  const at::Tensor ago =
      at::arange(scores.size(1), options).unsqueeze(1) - at::arange(scores.size(2), options);
  at::Tensor hidden = ago < 0;
  if (ranges.window_left >= 0) hidden = hidden.logical_or(ago > ranges.window_left);
  return scores.masked_fill(hidden, -kInfinity);
}

}  // namespace

PartialAttention AttendRangesPlainly(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const KeyRangeTensors& ranges) {
  const at::Tensor cum = ranges.cum_q.cpu(), begin = ranges.begin_k.cpu(),
                   used = ranges.used_k.cpu();
  const std::int64_t group = q.size(1) / k.size(1);
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  at::Tensor out = at::zeros_like(q);
  at::Tensor lse = at::full({q.size(1), q.size(0)}, kInfinity, q.options().dtype(at::kFloat));
  for (std::int64_t i = 0; i < used.size(0); ++i) {
    const std::int64_t first = cum.const_data_ptr<std::int32_t>()[i];
    const std::int64_t queries = cum.const_data_ptr<std::int32_t>()[i + 1] - first;
    const std::int64_t keys = used.const_data_ptr<std::int32_t>()[i];
    if (queries == 0 || keys == 0) continue;
    Require(queries <= ranges.max_q && keys <= ranges.max_k, "attention: an entry is too long");
    Require(!ranges.causal || queries == keys, "attention: a causal entry is not square");
    const std::int64_t at = begin.const_data_ptr<std::int32_t>()[i];
    const auto part = [&](const at::Tensor& all) {  // [heads, keys, d]
      return all.narrow(0, at, keys).to(at::kFloat).repeat_interleave(group, 1).transpose(0, 1);
    };
    const at::Tensor query = q.narrow(0, first, queries).to(at::kFloat).transpose(0, 1);
    const at::Tensor scores =
        MaskedScores(at::matmul(query, part(k).transpose(1, 2)) * scale, ranges);
    out.narrow(0, first, queries)
        .copy_(at::matmul(at::softmax(scores, -1), part(v)).transpose(0, 1));
    lse.narrow(1, first, queries).copy_(at::logsumexp(scores, -1));
  }
  return {out, lse};
}

PartialAttention AttendRanges(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const KeyRangeTensors& ranges) {
  const bool half = q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf;
  if (q.is_cuda() && half && q.size(-1) % 8 == 0 && q.size(-1) <= 256) {
    return AttendByFlash(q, k, v, ranges);
  }
  return AttendRangesPlainly(q, k, v, ranges);
}

PartialAttention AttendFolded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const KeyRangeTensors& ranges) {
  const std::int64_t rows = q.size(0), kv = k.size(1), group = q.size(1) / kv, d = q.size(2);
  const at::Tensor folded =
      q.view({rows, kv, group, d}).transpose(1, 2).reshape({rows * group, kv, d});
  const PartialAttention part = AttendRanges(folded, k, v, ranges);
  return {part.out.view({rows, group, kv, d}).transpose(1, 2).reshape({rows, kv * group, d}),
          part.lse.view({kv, rows, group}).transpose(1, 2).reshape({kv * group, rows})};
}

at::Tensor MergeAttention(const PartialAttention& a, const PartialAttention& b) {
  // [T, heads, 1]; an empty part weighs nothing.
  const auto weight_log = [](const PartialAttention& part) {
    return part.lse.masked_fill(part.lse == kInfinity, -kInfinity).t().unsqueeze(-1);
  };
  const at::Tensor left = weight_log(a), right = weight_log(b);
  at::Tensor most = at::maximum(left, right);
  most = most.masked_fill(most == -kInfinity, 0.0);
  const at::Tensor p = (left - most).exp(), r = (right - most).exp();
  const at::Tensor sum = (p + r).clamp_min(std::numeric_limits<float>::min());
  return ((a.out * p + b.out * r) / sum).to(a.out.scalar_type());
}

std::string FlashAttentionShortfall() {
  const auto op = c10::Dispatcher::singleton().findSchema({"aten::_flash_attention_forward", ""});
  if (!op) return "this libtorch has no aten::_flash_attention_forward";
  const auto& arguments = op->schema().arguments();
  for (const char* name : {"cum_seq_q", "cum_seq_k", "max_q", "max_k", "scale", "window_size_left",
                           "window_size_right", "seqused_k"}) {
    const bool there = std::any_of(arguments.begin(), arguments.end(),
                                   [&](const auto& argument) { return argument.name() == name; });
    if (!there) return std::string("aten::_flash_attention_forward takes no ") + name + " here";
  }
  if (!op->hasKernelForDispatchKey(c10::DispatchKey::CUDA)) {
    return "aten::_flash_attention_forward has no CUDA kernel here";
  }
  return "";
}

}  // namespace gradus
