#include "trainer/model/training_functions.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <memory>

#include "trainer/model/training_kernels.h"

namespace gradus {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// Rows of logits that exist at once: enough for fast matrix products, few beside the activations.
constexpr std::int64_t kLogitRows = 256;

bool HasKernels(const at::Tensor& x) { return x.is_cpu() && x.scalar_type() == at::kFloat; }

struct NormFunction : Function<NormFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& given,
                            const at::Tensor& weight, double eps) {
    RECORD_FUNCTION("gradus::norm", c10::ArrayRef<const c10::IValue>{});
    const at::Tensor x = given.contiguous();
    const std::int64_t size = x.size(-1), rows = x.numel() / size;
    const at::Tensor out = at::empty_like(x), inverse = at::empty({rows}, x.options());
    NormalizeRows(x.const_data_ptr<float>(), weight.const_data_ptr<float>(), eps, rows, int(size),
                  out.mutable_data_ptr<float>(), inverse.mutable_data_ptr<float>());
    context->save_for_backward({x, weight, inverse});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    RECORD_FUNCTION("gradus::norm_backward", c10::ArrayRef<const c10::IValue>{});
    const variable_list saved = context->get_saved_variables();
    const at::Tensor gradient = gradients[0].contiguous();
    const at::Tensor dx = at::empty_like(saved[0]), dweight = at::zeros_like(saved[1]);
    const std::int64_t size = dx.size(-1);
    NormalizeRowsBackward(gradient.const_data_ptr<float>(), saved[0].const_data_ptr<float>(),
                          saved[1].const_data_ptr<float>(), saved[2].const_data_ptr<float>(),
                          dx.numel() / size, int(size), dx.mutable_data_ptr<float>(),
                          dweight.mutable_data_ptr<float>());
    return {dx, dweight, {}};
  }
};

struct GateFunction : Function<GateFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gate,
                            const at::Tensor& up) {
    RECORD_FUNCTION("gradus::gate", c10::ArrayRef<const c10::IValue>{});
    const at::Tensor out = at::empty(gate.sizes(), gate.options());
    GateRows(gate.const_data_ptr<float>(), gate.stride(0), up.const_data_ptr<float>(), up.stride(0),
             gate.size(0), int(gate.size(1)), out.mutable_data_ptr<float>());
    context->save_for_backward({gate, up});
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    RECORD_FUNCTION("gradus::gate_backward", c10::ArrayRef<const c10::IValue>{});
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &gate = saved[0], &up = saved[1], gradient = gradients[0].contiguous();
    const at::Tensor dgate = at::empty(gate.sizes(), gate.options()), dup = at::empty_like(dgate);
    GateRowsBackward(gradient.const_data_ptr<float>(), gate.const_data_ptr<float>(), gate.stride(0),
                     up.const_data_ptr<float>(), up.stride(0), gate.size(0), int(gate.size(1)),
                     dgate.mutable_data_ptr<float>(), dup.mutable_data_ptr<float>());
    return {dgate, dup};
  }
};

ConstRows RowsOf(const at::Tensor& x) { return {x.const_data_ptr<float>(), x.stride(0)}; }
FloatRows WritableRowsOf(const at::Tensor& x) { return {x.mutable_data_ptr<float>(), x.stride(0)}; }

// Rides in the autograd node from forward to backward.
struct AttentionCall : torch::CustomClassHolder {
  AttentionCall(PackLayoutPtr of_pack, const AttentionShape& of_heads)
      : layout(std::move(of_pack)), shape(of_heads) {}
  PackLayoutPtr layout;
  AttentionShape shape;
};

struct AttentionFunction : Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, const c10::intrusive_ptr<AttentionCall>& call) {
    RECORD_FUNCTION("gradus::attention", c10::ArrayRef<const c10::IValue>{});
    const AttentionShape& shape = call->shape;
    const at::Tensor out = at::empty(q.sizes(), q.options());
    const at::Tensor log_sums = at::empty({q.size(0), shape.heads}, q.options());
    AttendSegments(shape, call->layout->segments, call->layout->rotations, RowsOf(q), RowsOf(k),
                   RowsOf(v), out.mutable_data_ptr<float>(), log_sums.mutable_data_ptr<float>());
    context->save_for_backward({q, k, v, out, log_sums});
    context->saved_data["call"] = c10::IValue::make_capsule(call);
    return out;
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    RECORD_FUNCTION("gradus::attention_backward", c10::ArrayRef<const c10::IValue>{});
    const variable_list saved = context->get_saved_variables();
    const at::Tensor &q = saved[0], &k = saved[1], &v = saved[2];
    const auto holder = context->saved_data["call"].toCapsule();
    const auto& call = static_cast<const AttentionCall&>(*holder);
    const at::Tensor gradient = gradients[0].contiguous();
    const at::Tensor dq = at::empty(q.sizes(), q.options());
    const at::Tensor dk = at::zeros(k.sizes(), k.options()), dv = at::zeros(v.sizes(), v.options());
    AttendSegmentsBackward(call.shape, call.layout->segments, call.layout->rotations, RowsOf(q),
                           RowsOf(k), RowsOf(v), saved[3].const_data_ptr<float>(),
                           saved[4].const_data_ptr<float>(), gradient.const_data_ptr<float>(),
                           WritableRowsOf(dq), WritableRowsOf(dk), WritableRowsOf(dv));
    return {dq, dk, dv, {}};
  }
};

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

// Sums are taken in this type.
at::ScalarType WideType(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
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

at::Tensor AttendWithAten(const at::Tensor& queries, const at::Tensor& keys,
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

// Loss of a chunk of logits in double; turns the logits into their gradient.
double CrossEntropyInPlace(at::Tensor& logits, const at::Tensor& targets, double weight) {
  if (HasKernels(logits)) {
    RECORD_FUNCTION("gradus::cross_entropy", c10::ArrayRef<const c10::IValue>{});
    double loss = 0;
    const auto size = logits.size(1);
    for (std::int64_t r = 0; r < logits.size(0); ++r) {
      loss += CrossEntropyRow(logits.mutable_data_ptr<float>() + r * size, int(size),
                              targets.const_data_ptr<std::int64_t>()[r], weight);
    }
    return loss;
  }
  const at::Tensor log_probs = at::log_softmax(logits, 1, WideType(logits));
  const at::Tensor index = targets.unsqueeze(1);
  const double loss = -log_probs.gather(1, index).sum().item<double>() * weight;
  at::Tensor gradient = log_probs.exp();
  gradient.scatter_add_(1, index, at::full_like(index, -1, gradient.options()));
  logits = gradient.mul_(weight).to(logits.scalar_type());
  return loss;
}

struct CrossEntropyFunction : Function<CrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& head, const at::Tensor& targets, double weight,
                            bool with_gradient) {
    at::Tensor dhidden, dhead;
    if (with_gradient) {
      dhidden = at::empty_like(hidden);
      dhead = at::zeros_like(head);
    }
    double loss = 0;
    for (std::int64_t at = 0; at < hidden.size(0); at += kLogitRows) {
      const std::int64_t rows = std::min(kLogitRows, hidden.size(0) - at);
      const at::Tensor chunk = hidden.narrow(0, at, rows);
      at::Tensor logits = at::mm(chunk, head.t());
      loss += CrossEntropyInPlace(logits, targets.narrow(0, at, rows), weight);
      if (!with_gradient) continue;
      at::Tensor out = dhidden.narrow(0, at, rows);
      at::mm_out(out, logits, head);
      dhead.addmm_(logits.t(), chunk);
    }
    if (with_gradient) context->save_for_backward({dhidden, dhead});
    return at::full({}, loss, hidden.options().dtype(WideType(hidden)));
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor scale = gradients[0].to(saved[0].scalar_type());
    return {saved[0] * scale, saved[1] * scale, {}, {}, {}};
  }
};

// The kernels read rows that lie anywhere, but each in one piece.
at::Tensor WithWholeRows(const at::Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); }

}  // namespace

at::Tensor NormRows(const at::Tensor& x, const at::Tensor& weight, double eps) {
  if (HasKernels(x)) return NormFunction::apply(x, weight, eps);
  return at::rms_norm(x, {x.size(-1)}, weight, eps);
}

at::Tensor GatedUnit(const at::Tensor& gate, const at::Tensor& up) {
  if (HasKernels(gate)) return GateFunction::apply(WithWholeRows(gate), WithWholeRows(up));
  return at::silu(gate) * up;
}

at::Tensor PackedAttention(const at::Tensor& queries, const at::Tensor& keys,
                           const at::Tensor& values, const PackLayoutPtr& layout,
                           const AttentionShape& shape) {
  if (!HasKernels(queries)) return AttendWithAten(queries, keys, values, *layout, shape);
  return AttentionFunction::apply(WithWholeRows(queries), WithWholeRows(keys),
                                  WithWholeRows(values),
                                  c10::make_intrusive<AttentionCall>(layout, shape));
}

at::Tensor CrossEntropySum(const at::Tensor& hidden, const at::Tensor& head,
                           const at::Tensor& targets, double weight) {
  return CrossEntropyFunction::apply(hidden.contiguous(), head, targets, weight,
                                     at::GradMode::is_enabled());
}

}  // namespace gradus
