#include "trainer/model/device_attention.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace gradus {
namespace {

// x [tokens, heads, d]: turns the halves of each head's leading dimensions against each other.
at::Tensor Rotate(const at::Tensor& x, const PackLayout& layout) {
  const std::int64_t half = layout.cos.size(-1), rest = x.size(-1) - 2 * half;
  const at::Tensor low = x.narrow(-1, 0, half), high = x.narrow(-1, half, half);
  std::vector<at::Tensor> parts = {low * layout.cos - high * layout.sin,
                                   high * layout.cos + low * layout.sin};
  for (at::Tensor& part : parts) part = part.to(x.scalar_type());
  if (rest > 0) parts.push_back(x.narrow(-1, 2 * half, rest));
  return at::cat(parts, -1);
}

// The parent's rows and the segment's own, in order of their positions.
at::Tensor TextOf(const at::Tensor& x, const std::vector<Segment>& segments, const Segment& s) {
  const at::Tensor own = x.narrow(0, s.first, s.length);
  if (s.parent < 0) return own;
  const Segment& parent = segments[std::size_t(s.parent)];
  return at::cat({x.narrow(0, parent.first, parent.length), own});
}

// What the queries of a segment see of its keys, [length, position + length].
at::Tensor SeenBy(const Segment& s, int window, const at::TensorOptions& options) {
  const std::int64_t keys = s.position + std::int64_t{s.length};
  const at::Tensor all = at::ones({s.length, keys}, options.dtype(at::kBool)).tril(s.position);
  return window == 0 ? all : all.triu(s.position + 1 - std::int64_t{window});
}

// q [tokens, heads, d], k and v [tokens, kv_heads, d], turned.
at::Tensor AttendOneByOne(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const PackLayout& layout, const AttentionShape& shape) {
  std::vector<at::Tensor> mixed;
  const auto heads_first = [](const at::Tensor& x) { return x.transpose(0, 1).unsqueeze(0); };
  for (const Segment& s : layout.segments) {
    const at::Tensor out = at::scaled_dot_product_attention(
        heads_first(q.narrow(0, s.first, s.length)), heads_first(TextOf(k, layout.segments, s)),
        heads_first(TextOf(v, layout.segments, s)), SeenBy(s, shape.window, q.options()), 0.0,
        false, std::nullopt, shape.heads != shape.kv_heads);
    mixed.push_back(out.squeeze(0).transpose(0, 1));
  }
  return at::cat(mixed);
}

at::Tensor AttendByFlash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const PackLayout& layout, const AttentionShape& shape) {
  std::vector<std::int32_t> query_starts = {0}, key_starts = {0};
  std::vector<std::int64_t> key_rows;
  std::int64_t most_queries = 0, most_keys = 0;
  for (const Segment& s : layout.segments) {
    for (int j = 0; j < s.position; ++j) {
      key_rows.push_back(layout.segments[std::size_t(s.parent)].first + j);
    }
    for (int j = 0; j < s.length; ++j) key_rows.push_back(s.first + j);
    query_starts.push_back(s.first + s.length);
    key_starts.push_back(std::int32_t(key_rows.size()));
    most_queries = std::max<std::int64_t>(most_queries, s.length);
    most_keys = std::max<std::int64_t>(most_keys, s.position + s.length);
  }
  const bool shared = std::int64_t(key_rows.size()) != q.size(0);
  const auto rows = at::tensor(key_rows, at::kLong).to(q.device());
  const auto gather = [&](const at::Tensor& x) { return shared ? x.index_select(0, rows) : x; };
  const std::optional<std::int64_t> left =
      shape.window == 0 ? std::nullopt : std::optional<std::int64_t>(shape.window - 1);
  return std::get<0>(at::_flash_attention_forward(
      q, gather(k), gather(v), at::tensor(query_starts, at::kInt).to(q.device()),
      at::tensor(key_starts, at::kInt).to(q.device()), most_queries, most_keys, 0.0, true, false,
      std::nullopt, left, left ? std::optional<std::int64_t>(0) : std::nullopt));
}

}  // namespace

at::Tensor AttendOnDevice(const at::Tensor& queries, const at::Tensor& keys,
                          const at::Tensor& values, const PackLayout& layout,
                          const AttentionShape& shape) {
  const auto by_heads = [&](const at::Tensor& x, int heads) {
    return x.reshape({x.size(0), heads, shape.head_dim});
  };
  const at::Tensor q = Rotate(by_heads(queries, shape.heads), layout);
  const at::Tensor k = Rotate(by_heads(keys, shape.kv_heads), layout);
  const at::Tensor v = by_heads(values, shape.kv_heads);
  const bool half = q.scalar_type() == at::kBFloat16 || q.scalar_type() == at::kHalf;
  const at::Tensor mixed = q.is_cuda() && half ? AttendByFlash(q, k, v, layout, shape)
                                               : AttendOneByOne(q, k, v, layout, shape);
  return mixed.reshape({queries.size(0), -1});
}

}  // namespace gradus
