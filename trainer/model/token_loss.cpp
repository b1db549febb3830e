#include "trainer/model/token_loss.h"

#include <ATen/ATen.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "trainer/model/training_functions.h"
#include "trainer/model/training_kernels.h"

namespace gradus {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;
using Term = std::function<TokenTerm(std::int64_t row, double log_prob)>;

// Rows of logits that exist at once: enough for fast matrix products, few beside the activations.
constexpr std::int64_t kLogitRows = 256;

// Sums are taken in this type.
at::ScalarType WideType(const at::Tensor& x) {
  return x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
}

// Loss of a chunk of logits, whose first row is `first` to the terms, in double; turns the logits
// into their gradient.
double LossByKernels(at::Tensor& logits, const at::Tensor& targets, std::int64_t first,
                     const Term& term) {
  RECORD_FUNCTION("gradus::cross_entropy", c10::ArrayRef<const c10::IValue>{});
  double loss = 0;
  const auto size = int(logits.size(1));
  for (std::int64_t r = 0; r < logits.size(0); ++r) {
    float* row = logits.mutable_data_ptr<float>() + r * size;
    const std::int64_t target = targets.const_data_ptr<std::int64_t>()[r];
    const RowSoftmax softmax = SoftmaxRow(row, size, target);
    const TokenTerm of_token = term(first + r, softmax.log_prob);
    CrossEntropyGradientRow(row, size, target, of_token.weight, softmax.sum);
    loss += of_token.loss;
  }
  return loss;
}

double LossByAten(at::Tensor& logits, const at::Tensor& targets, std::int64_t first,
                  const Term& term) {
  const at::Tensor log_probs = at::log_softmax(logits, 1, WideType(logits));
  const at::Tensor index = targets.unsqueeze(1);
  const at::Tensor of_targets = log_probs.gather(1, index).to(at::kCPU, at::kDouble).contiguous();
  const at::Tensor weights = at::empty_like(of_targets);
  double loss = 0;
  for (std::int64_t r = 0; r < logits.size(0); ++r) {
    const TokenTerm of_token = term(first + r, of_targets.const_data_ptr<double>()[r]);
    weights.mutable_data_ptr<double>()[r] = of_token.weight;
    loss += of_token.loss;
  }
  at::Tensor gradient = log_probs.exp();
  gradient.scatter_add_(1, index, at::full_like(index, -1, gradient.options()));
  logits = gradient.mul_(weights.to(gradient.options())).to(logits.scalar_type());
  return loss;
}

struct TokenLossFunction : Function<TokenLossFunction> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& hidden,
                            const at::Tensor& head, const at::Tensor& targets, const Term& term,
                            bool with_gradient) {
    at::Tensor dhidden, dhead;
    if (with_gradient) {
      dhidden = at::empty_like(hidden);
      dhead = at::zeros_like(head);
    }
    double loss = 0;
    for (std::int64_t at = 0; at < hidden.size(0); at += kLogitRows) {
      const std::int64_t rows = std::min(kLogitRows, hidden.size(0) - at);
      const at::Tensor chunk = hidden.narrow(0, at, rows), wanted = targets.narrow(0, at, rows);
      at::Tensor logits = at::mm(chunk, head.t());
      loss += HasKernels(logits) ? LossByKernels(logits, wanted, at, term)
                                 : LossByAten(logits, wanted, at, term);
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

}  // namespace

at::Tensor SumOverTokens(const at::Tensor& hidden, const at::Tensor& head,
                         const at::Tensor& targets, const Term& term) {
  return TokenLossFunction::apply(hidden.contiguous(), head, targets, term,
                                  at::GradMode::is_enabled());
}

}  // namespace gradus
