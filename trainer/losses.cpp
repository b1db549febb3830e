#include "trainer/losses.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace gradus {
namespace {

using Tokens = std::vector<std::int32_t>;

// Right-padded token rows, filled one piece after another.
class PaddedRows {
 public:
  PaddedRows(std::size_t rows, std::size_t width)
      : tokens_(at::zeros({std::int64_t(rows), std::int64_t(width)}, at::kLong)),
        lengths_(at::zeros({std::int64_t(rows)}, at::kLong)),
        width_(std::int64_t(width)) {}
  void Append(std::size_t row, const Tokens& piece) {
    std::int64_t& length = lengths_.mutable_data_ptr<std::int64_t>()[row];
    std::copy(piece.begin(), piece.end(),
              tokens_.mutable_data_ptr<std::int64_t>() + std::int64_t(row) * width_ + length);
    length += std::int64_t(piece.size());
  }
  // Hidden states [rows · width, hidden].
  at::Tensor Hidden(const Model& model) const {
    return ForwardHidden(model, tokens_, lengths_).flatten(0, 1);
  }
  std::int64_t LastOf(std::size_t row) const {
    return std::int64_t(row) * width_ + lengths_.const_data_ptr<std::int64_t>()[row] - 1;
  }

 private:
  at::Tensor tokens_, lengths_;
  std::int64_t width_;
};

at::Tensor ToTensor(const std::vector<std::int64_t>& values) {
  at::Tensor tensor = at::empty({std::int64_t(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<std::int64_t>());
  return tensor;
}

}  // namespace

std::uint64_t CountTargets(const SftRow& row) {
  std::uint64_t count = 0;
  for (std::size_t i = 1; i < row.mask.size(); ++i) count += row.mask[i] != 0;
  return count;
}

at::Tensor SupervisedLoss(const Model& model, const std::vector<const SftRow*>& rows,
                          double targets) {
  std::size_t width = 1;
  for (const SftRow* row : rows) width = std::max(width, row->tokens.size());
  PaddedRows padded(rows.size(), width);
  std::vector<std::int64_t> positions, expected;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const SftRow& row = *rows[r];
    padded.Append(r, row.tokens);
    for (std::size_t i = 1; i < row.tokens.size(); ++i) {
      if (row.mask[i] == 0) continue;
      positions.push_back(std::int64_t(r * width + i - 1));
      expected.push_back(row.tokens[i]);
    }
  }
  const at::Tensor hidden = padded.Hidden(model).index_select(0, ToTensor(positions));
  const at::Tensor logits = Logits(model, hidden);
  return at::cross_entropy_loss(logits, ToTensor(expected), {}, at::Reduction::Sum).div(targets);
}

at::Tensor PairScores(const Model& model, const std::vector<const PreferencePair*>& pairs,
                      bool tanh) {
  std::size_t width = 1;
  for (const PreferencePair* pair : pairs) {
    width =
        std::max(width, pair->prefix.size() + std::max(pair->chosen.size(), pair->rejected.size()));
  }
  PaddedRows padded(2 * pairs.size(), width);
  std::vector<std::int64_t> last(2 * pairs.size());
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    for (const std::size_t row : {p, p + pairs.size()}) {
      padded.Append(row, pairs[p]->prefix);
      padded.Append(row, row == p ? pairs[p]->chosen : pairs[p]->rejected);
      last[row] = padded.LastOf(row);
    }
  }
  const at::Tensor raw = RawValues(model, padded.Hidden(model).index_select(0, ToTensor(last)));
  return tanh ? at::tanh(raw) : raw;
}

at::Tensor PreferenceLoss(const Model& model, const std::vector<const PreferencePair*>& pairs,
                          bool tanh, double pairs_in_step) {
  const auto count = std::int64_t(pairs.size());
  const at::Tensor scores = PairScores(model, pairs, tanh);
  at::Tensor weights = at::empty({count}, at::kDouble);
  for (std::int64_t p = 0; p < count; ++p) {
    const PreferencePair& pair = *pairs[std::size_t(p)];
    weights.mutable_data_ptr<double>()[p] =
        1.0 / (double(pair.n_pos) * double(pair.n_neg) * pairs_in_step);
  }
  const at::Tensor margin = scores.narrow(0, 0, count).sub(scores.narrow(0, count, count));
  return at::softplus(margin.neg()).mul(weights.to(margin.scalar_type())).sum();
}

}  // namespace gradus
