#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/function.h>

#include <numeric>
#include <set>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/base/seed.h"
#include "tests/fakes/deviation.h"
#include "trainer/model/model.h"

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

// How many steps autograd would take back from here.
std::size_t Nodes(const at::Tensor& tensor) {
  std::set<const torch::autograd::Node*> seen;
  std::vector<const torch::autograd::Node*> open = {tensor.grad_fn().get()};
  while (!open.empty()) {
    const torch::autograd::Node* node = open.back();
    open.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    for (const auto& edge : node->next_edges()) open.push_back(edge.function.get());
  }
  return seen.size();
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
    CHECK(index == gradients.size());
    CHECK(index > 10);
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
    CHECK(Nodes(again) < Nodes(plain));  // A recomputed layer is one node of the graph.
    const auto expected = Gradients(model, plain), found = Gradients(model, again);
    REQUIRE(expected.size() == found.size());
    REQUIRE_FALSE(found.empty());
    for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i].equal(expected[i]));
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
