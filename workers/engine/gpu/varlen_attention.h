#pragma once
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace gradus {

// Arguments of one variable-length attention call on the device, int32: KeyRanges
// (attention_plan.h) says what they mean.
struct KeyRangeTensors {
  at::Tensor cum_q, begin_k, used_k;  // [entries + 1], [entries + 1], [entries]
  std::int64_t max_q = 1, max_k = 1;
  bool causal = false;            // REQUIRES as many keys as queries in each entry.
  std::int64_t window_left = -1;  // Keys seen before the own one; < 0: all. Causal calls only.
};

// Output of attention over a part of the keys: out [T, heads, d], and the log of the sum of
// exponentials of the scores, float32 [heads, T]. Without a key: zeros and +infinity.
struct PartialAttention {
  at::Tensor out, lse;
};

// q [T, heads, d]; k, v [slots, kv heads, d], heads a multiple of the kv heads; scores are scaled
// by 1/√d. Half-precision tensors on a GPU go to at::_flash_attention_forward, all others to the
// reference.
PartialAttention AttendRanges(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const KeyRangeTensors& ranges);

// The same in plain tensor operations, entry by entry as the arguments say.
PartialAttention AttendRangesPlainly(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                     const KeyRangeTensors& ranges);

// The queries of a group (heads / kv heads) as rows of one kv head, so that an entry's keys are
// read once per kv head. `ranges.cum_q` and `max_q` count such rows: queries times group. Not
// causal.
PartialAttention AttendFolded(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                              const KeyRangeTensors& ranges);

// Attention over both parts' keys (FlashInfer's cascade, arXiv 2501.01005 §2: weights
// exp(lse − logaddexp)).
at::Tensor MergeAttention(const PartialAttention& a, const PartialAttention& b);

// "" when this libtorch's at::_flash_attention_forward takes what AttendRanges gives it on a GPU,
// else why not.
std::string FlashAttentionShortfall();

}  // namespace gradus
