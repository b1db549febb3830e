#include "trainer/optimizer/optimizer_shard.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros_like.h>
#include <doctest/doctest.h>

#include <cmath>

#include "tests/fakes/group_sums.h"
#include "tests/fakes/temp_folder.h"
#include "tests/fakes/training_data.h"
#include "trainer/optimizer/adamw.h"

namespace gradus {
namespace {

OptimizerOptions Options() {
  OptimizerOptions options;
  options.weight_decay = 0.1;
  return options;
}

Model TinyModel() {
  TempFolder folder;
  MakeTinyModel(folder.path() / "model");
  return LoadModel(folder.path() / "model");
}

// Values after three updates of a model cut into `ranks` shards.
std::string Updated(int ranks, Precision precision) {
  const at::NoGradGuard no_grad;
  FlatModel model(TinyModel(), precision);
  const GradientLayout layout = LayOut(model.parameters(), 1, ranks, kBlock);
  std::vector<OptimizerShard> shards;
  for (const ParameterRange& range : layout.shards) shards.emplace_back(model, range);
  const auto gradients = RandomLeaves(3, model.parameters());
  for (std::uint64_t update = 1; update <= 3; ++update) {
    for (OptimizerShard& shard : shards) {
      const at::Tensor own = gradients[update - 1].narrow(0, std::int64_t(shard.range().first),
                                                          std::int64_t(shard.range().size()));
      shard.Update(own, Options(), 1e-3, 0.5, update);
    }
  }
  return BitsOf(model.values());
}

TEST_CASE(
    "Shard borders do not change a bit of the updated values, also through the middle of a "
    "matrix") {
  for (Precision precision : {Precision::kFp32, Precision::kBf16}) {
    const std::string whole = Updated(1, precision);
    for (int ranks : {2, 3, 5, 100}) CHECK(Updated(ranks, precision) == whole);
  }
}

TEST_CASE("The gradient norm has the same bits on any number of shards") {
  FlatModel model(TinyModel());
  const at::Tensor gradient = RandomLeaves(1, model.parameters())[0];
  const int blocks = int((model.parameters() + kBlock - 1) / kBlock);
  double expected = 0;
  for (int ranks : {1, 2, 3, 7}) {
    const GradientLayout layout = LayOut(model.parameters(), 1, ranks, kBlock);
    std::vector<std::vector<double>> by_rank;
    for (int rank = 0; rank < ranks; ++rank) {
      const ParameterRange own = layout.shards[std::size_t(rank)];
      const auto squares =
          OptimizerShard(model, own)
              .Squares(gradient.narrow(0, std::int64_t(own.first), std::int64_t(own.size())));
      by_rank.push_back(SubtreeSums(squares, LeavesOf(rank, ranks, blocks), blocks));
    }
    const double sum = FinishTreeSum(by_rank, blocks);
    if (ranks == 1) expected = sum;
    CHECK(sum == expected);
  }
  CHECK(expected == doctest::Approx(gradient.to(at::kDouble).square().sum().item<double>()));
}

TEST_CASE("A bf16 model gains from updates that bf16 itself is too coarse for") {
  const at::NoGradGuard no_grad;
  FlatModel model(TinyModel(), Precision::kBf16);
  OptimizerShard shard(model, {0, model.parameters()});
  shard.masters().fill_(1.0f);
  shard.CopyToModel();
  const at::Tensor gradient = at::zeros_like(shard.masters()).fill_(1.0f);
  OptimizerOptions options;
  for (std::uint64_t update = 1; update <= 50; ++update)
    shard.Update(gradient, options, 1e-4, 1.0, update);  // Each below half a bf16 step at 1.
  CHECK(model.values()[0].item<double>() == doctest::Approx(0.995).epsilon(0.005));
  CHECK(model.values()[0].item<double>() < 1.0);
}

TEST_CASE("The fused update for GPUs agrees with the exact one up to rounding") {
  const at::NoGradGuard no_grad;
  const std::size_t count = 1000;
  const std::vector<ParameterRange> decayed{{0, 100}, {256, 700}};
  const at::Tensor start = RandomLeaves(1, count)[0].div(1e6);
  at::Tensor exact = start.clone(), fused = start.clone();
  at::Tensor m1 = at::zeros_like(exact), v1 = m1.clone(), m2 = m1.clone(), v2 = m1.clone();
  const auto span = [&](at::Tensor& t) {
    return std::span<float>(t.mutable_data_ptr<float>(), count);
  };
  for (std::uint64_t update = 1; update <= 5; ++update) {
    at::Tensor gradient = RandomLeaves(int(update), count)[0].div(1e4);
    ApplyAdamW({span(exact), span(m1), span(v1)}, span(gradient), decayed, Options(), 0.01, 0.25,
               update);
    ApplyFusedAdamW(fused, m2, v2, gradient, decayed, Options(), 0.01, 0.25, update);
  }
  CHECK(LargestDifference(exact, fused) < 1e-4);
  CHECK(LargestDifference(exact, start) > 0.01);
}

}  // namespace
}  // namespace gradus
