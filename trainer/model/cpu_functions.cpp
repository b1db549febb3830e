#include "trainer/model/cpu_functions.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include "trainer/model/training_kernels.h"

namespace gradus {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

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

// The kernels read rows that lie anywhere, but each in one piece.
at::Tensor WithWholeRows(const at::Tensor& x) { return x.stride(1) == 1 ? x : x.contiguous(); }

}  // namespace

at::Tensor NormRowsOnCpu(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return NormFunction::apply(x, weight, eps);
}

at::Tensor GatedUnitOnCpu(const at::Tensor& gate, const at::Tensor& up) {
  return GateFunction::apply(WithWholeRows(gate), WithWholeRows(up));
}

at::Tensor AttendOnCpu(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& values,
                       const PackLayoutPtr& layout, const AttentionShape& shape) {
  return AttentionFunction::apply(WithWholeRows(queries), WithWholeRows(keys),
                                  WithWholeRows(values),
                                  c10::make_intrusive<AttentionCall>(layout, shape));
}

}  // namespace gradus
