#pragma once
#include <cstdint>
#include <vector>

#include "trainer/model/packed_tokens.h"

namespace gradus {

// What attention over a pack needs beside queries, keys and values.
struct AttentionShape {
  int heads = 0, kv_heads = 0, head_dim = 0;
  int rope_dims = 0;  // Leading dimensions of a head that turn.
  int window = 0;     // Latest tokens that a query sees, the own one included; 0: all.
};

// Rows of one matrix inside another: `stride` floats between rows.
struct ConstRows {
  const float* data;
  std::int64_t stride;
};
struct FloatRows {
  float* data;
  std::int64_t stride;
};

// Causal attention of every segment over its parent's tokens and its own, float32, by heads: turns
// queries and keys, scales by 1 / √head_dim. queries [tokens, heads · head_dim], keys and values
// [tokens, kv_heads · head_dim]; out like queries, contiguous; log_sums [tokens, heads] is what the
// backward pass needs. Every reduction has an order fixed by the text alone.
void AttendSegments(const AttentionShape& shape, const std::vector<Segment>& segments,
                    const Rotations& rotations, ConstRows queries, ConstRows keys, ConstRows values,
                    float* out, float* log_sums);

// Gradients of the inputs of AttendSegments. `dqueries` is written, `dkeys` and `dvalues`, which
// must be zero on entry, are added to.
void AttendSegmentsBackward(const AttentionShape& shape, const std::vector<Segment>& segments,
                            const Rotations& rotations, ConstRows queries, ConstRows keys,
                            ConstRows values, const float* out, const float* log_sums,
                            const float* gradient, FloatRows dqueries, FloatRows dkeys,
                            FloatRows dvalues);

}  // namespace gradus
