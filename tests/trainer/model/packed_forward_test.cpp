#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>

#include <numeric>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "trainer/model/model.h"
#include "trainer/model/segment_attention.h"
#include "trainer/model/token_loss.h"

namespace gradus {
namespace {

using Text = std::vector<std::int32_t>;

// Between them: biases, normalised heads, windows shorter than the texts, fused matrices, rotary
// tables that depend on the length, heads that do not fill a vector.
const char* const kFamilies[] = {"tiny_qwen2",  "tiny_qwen2_old", "tiny_qwen3",
                                 "tiny_llama3", "tiny_mistral",   "tiny_phi3"};

Model Load(const char* family, at::ScalarType type) {
  Model model = LoadModel(fs::path(GRADUS_SOURCE_DIR) / "tests/workers/models/golden" / family);
  for (const auto& [name, tensor] : NamedParameters(model)) {
    tensor.set_data(tensor.to(type));
    tensor.requires_grad_(true);
  }
  return model;
}

Text SomeText(int length, Seed seed) {
  Random random(seed);
  Text text;
  for (int i = 0; i < length; ++i) text.push_back(std::int32_t(random.Below(260)));
  return text;
}

std::span<const std::int32_t> Part(const Text& text, std::size_t from, std::size_t to) {
  return {text.data() + from, to - from};
}

// Three texts that begin alike, one alone before and one after them.
struct Texts {
  Text first = SomeText(13, 1), last = SomeText(60, 2), shared = SomeText(18, 3);
  std::vector<Text> ends = {SomeText(1, 4), SomeText(7, 5), SomeText(11, 6)};

  std::vector<Text> Whole() const {
    std::vector<Text> whole = {first};
    for (const Text& end : ends) {
      whole.push_back(shared);
      whole.back().insert(whole.back().end(), end.begin(), end.end());
    }
    whole.push_back(last);
    return whole;
  }
  PackedTokens Shared() const {
    PackedTokens pack;
    pack.Add(first);
    const int parent = pack.Add(shared);
    for (const Text& end : ends) pack.Add(end, parent);
    pack.Add(last);
    return pack;
  }
  PackedTokens Apart() const {
    PackedTokens pack;
    for (const Text& text : Whole()) pack.Add(text);
    return pack;
  }
};

// A number that depends on the last token of every text but for the shared segment itself.
at::Tensor Score(const Model& model, const PackedTokens& pack, bool recompute = false) {
  const at::Tensor hidden = ForwardHidden(model, pack, recompute);
  const at::Tensor direction =
      at::arange(model.config.hidden_size, hidden.options()).mul(0.7).sin();
  std::vector<at::Tensor> scores;
  for (int s = 0; s < int(pack.segments().size()); ++s) {
    bool parent = false;
    for (const Segment& other : pack.segments()) parent = parent || other.parent == s;
    if (!parent) scores.push_back(hidden[pack.LastOf(s)].matmul(direction).tanh());
  }
  return at::stack(scores).to(at::kDouble);
}

std::vector<at::Tensor> Gradients(const Model& model, const at::Tensor& scores) {
  for (const auto& [name, tensor] : NamedParameters(model)) tensor.mutable_grad().reset();
  scores.mul(at::arange(1, scores.size(0) + 1, scores.options())).sum().backward();
  std::vector<at::Tensor> gradients;
  for (const auto& [name, tensor] : NamedParameters(model)) {
    if (tensor.grad().defined()) gradients.push_back(tensor.grad().clone());
  }
  return gradients;
}

double Deviation(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor wide = b.to(at::kDouble);
  return ((a.to(at::kDouble) - wide).abs().max() / (wide.abs().max() + 1e-9)).item<double>();
}

double Deviation(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  REQUIRE(a.size() == b.size());
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) worst = std::max(worst, Deviation(a[i], b[i]));
  return worst;
}

}  // namespace

TEST_CASE("a pack computes each text as if it were alone, in every family and type") {
  const Texts texts;
  for (const char* family : kFamilies) {
    for (const auto& [type, limit] :
         {std::pair{at::kDouble, 1e-9}, {at::kFloat, 2e-5}, {at::kBFloat16, 0.15}}) {
      CAPTURE(std::string(family));
      CAPTURE(at::toString(type));
      const Model model = Load(family, type);
      const at::NoGradGuard no_grad;
      std::vector<at::Tensor> alone;
      for (const Text& text : texts.Whole()) {
        PackedTokens pack;
        pack.Add(text);
        alone.push_back(Score(model, pack));
      }
      CHECK(Deviation(Score(model, texts.Apart()), at::cat(alone)) < limit);
      CHECK(Deviation(Score(model, texts.Shared()), at::cat(alone)) < limit);
    }
  }
}

TEST_CASE("what texts share can be computed once: the gradients stay, in every family") {
  const Texts texts;
  for (const char* family : kFamilies) {
    for (const auto& [type, limit] : {std::pair{at::kDouble, 1e-9}, {at::kFloat, 1e-4}}) {
      CAPTURE(std::string(family));
      const Model model = Load(family, type);
      const auto shared = Gradients(model, Score(model, texts.Shared()));
      CHECK(Deviation(shared, Gradients(model, Score(model, texts.Apart()))) < limit);
    }
  }
}

TEST_CASE("gradients of our kernels in float32 are those of ATen's in float64, in every family") {
  for (const char* family : kFamilies) {
    CAPTURE(std::string(family));
    const PackedTokens pack = Texts().Shared();
    const Model fast = Load(family, at::kFloat), exact = Load(family, at::kDouble);
    const at::Tensor fast_scores = Score(fast, pack), exact_scores = Score(exact, pack);
    CHECK(Deviation(fast_scores, exact_scores) < 2e-5);
    CHECK(Deviation(Gradients(fast, fast_scores), Gradients(exact, exact_scores)) < 1e-4);
  }
}

TEST_CASE("gradients of a pack agree with finite differences in float64, in every family") {
  for (const char* family : kFamilies) {
    CAPTURE(std::string(family));
    const Model model = Load(family, at::kDouble);
    const PackedTokens pack = Texts().Shared();
    const auto gradients = Gradients(model, Score(model, pack));
    std::size_t index = 0;
    for (const auto& [name, tensor] : NamedParameters(model)) {
      if (!tensor.grad().defined()) continue;
      CAPTURE(name);
      const at::Tensor gradient = gradients[index++];
      const at::Tensor step = gradient / gradient.norm();
      const at::NoGradGuard guard;
      const auto loss = [&](double size) {
        tensor.add_(step, size);
        const at::Tensor scores = Score(model, pack);
        tensor.add_(step, -size);
        return scores.mul(at::arange(1, scores.size(0) + 1, scores.options())).sum();
      };
      const double expected = gradient.norm().item<double>();
      const double found = (loss(1e-5) - loss(-1e-5)).item<double>() / 2e-5;
      CHECK(std::abs(found - expected) < 1e-5 * expected + 1e-8);
    }
  }
}

TEST_CASE("recomputed layers give the same bits, values and gradients, in every family") {
  const Texts texts;
  for (const char* family : kFamilies) {
    CAPTURE(std::string(family));
    const Model model = Load(family, at::kFloat);
    const at::Tensor plain = Score(model, texts.Shared()),
                     again = Score(model, texts.Shared(), true);
    CHECK(plain.equal(again));
    const auto expected = Gradients(model, plain), found = Gradients(model, again);
    REQUIRE(expected.size() == found.size());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].equal(expected[i]));
  }
}

TEST_CASE("attention of a segment has the same bits wherever the segment lies in a pack") {
  const AttentionShape shape{4, 2, 24, 24, 0};
  const Texts texts;
  PackedTokens alone, among;
  alone.Add(texts.last);
  among.Add(texts.first);
  const int place = among.Add(texts.last);
  among.Add(texts.shared);
  RopeConfig rope;
  rope.dims = 24;
  const auto attend = [&](const PackedTokens& pack, int segment) {
    const std::int64_t rows = pack.size(), first = pack.segment(segment).first;
    const auto fill = [&](int width, double phase) {
      at::Tensor x = at::zeros({rows, width});
      const at::Tensor own = at::arange(pack.segment(segment).length * width, at::kFloat);
      x.narrow(0, first, pack.segment(segment).length)
          .copy_(own.mul(phase).sin().view({-1, width}));
      return x;
    };
    const at::Tensor q = fill(96, 0.31), k = fill(48, 0.17), v = fill(48, 0.23);
    const at::Tensor out = at::empty({rows, 96}), sums = at::empty({rows, 4});
    AttendSegments(shape, pack.segments(), RotationsOf(rope, pack), {q.data_ptr<float>(), 96},
                   {k.data_ptr<float>(), 48}, {v.data_ptr<float>(), 48}, out.data_ptr<float>(),
                   sums.data_ptr<float>());
    return out.narrow(0, first, pack.segment(segment).length).clone();
  };
  CHECK(attend(alone, 0).equal(attend(among, place)));
}

TEST_CASE("the loss in chunks is the cross-entropy, with its gradients, in float32 and float64") {
  for (const auto& [type, limit] : {std::pair{at::kDouble, 1e-10}, {at::kFloat, 1e-5}}) {
    // More rows than a chunk holds, and a vocabulary that fills no vector.
    const at::Tensor hidden = at::arange(600 * 8, type).mul(0.37).sin().view({600, 8}).mul(3);
    const at::Tensor head = at::arange(53 * 8, type).mul(0.61).cos().view({53, 8}).contiguous();
    const at::Tensor targets = at::arange(600, at::kLong).mul(7).remainder(53);
    const auto quarter = [](std::int64_t, double log_prob) {
      return TokenTerm{-0.25 * log_prob, 0.25};
    };
    const auto run = [&](bool chunked) {
      const at::Tensor h = hidden.clone().requires_grad_(true);
      const at::Tensor w = head.clone().requires_grad_(true);
      const at::Tensor loss =
          chunked ? SumOverTokens(h, w, targets, quarter)
                  : at::cross_entropy_loss(at::linear(h, w), targets, {}, at::Reduction::Sum) / 4;
      loss.mul(3).backward();
      return std::vector<at::Tensor>{loss.detach(), h.grad(), w.grad()};
    };
    CHECK(Deviation(run(true), run(false)) < limit);
    const at::Tensor expected = run(false)[0];
    const at::NoGradGuard no_grad;
    CHECK(Deviation(SumOverTokens(hidden, head, targets, quarter), expected) < limit);
  }
}

TEST_CASE("texts whose lengths want different rotary tables cannot share a beginning") {
  const Model model = Load("tiny_phi3", at::kFloat);
  PackedTokens pack;
  const int parent = pack.Add(SomeText(30, 1));
  pack.Add(SomeText(2, 2), parent);
  CHECK_NOTHROW(ForwardHidden(model, pack));
  pack.Add(SomeText(3, 3), parent);
  CHECK_THROWS_AS(ForwardHidden(model, pack), Error);
  CHECK_THROWS_AS(pack.Add({}), Error);
  CHECK_THROWS_AS(pack.Add(Part(SomeText(3, 3), 0, 1), 1), Error);
}

}  // namespace gradus
