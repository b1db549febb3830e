#include "workers/engine/gpu/varlen_attention.h"

#include <ATen/ATen.h>
#include <dlfcn.h>
#include <doctest/doctest.h>

#include <cmath>

#include "schemas/base/seed.h"
#include "workers/engine/attention_plan.h"
#include "workers/engine/gpu/gpu_runtime.h"
#include "workers/engine/gpu/pass_tensors.h"

namespace gradus {
namespace {

// A random pass over an arena: groups of siblings, context runs, each path in runs of slots.
struct RandomPass {
  std::vector<std::vector<std::int32_t>> paths;
  std::vector<TokenRow> rows;
  int slots = 0;

  std::vector<std::int32_t> Run(int count, Random& random) {
    slots += static_cast<int>(random.Below(5));  // Gaps.
    std::vector<std::int32_t> run;
    for (int i = 0; i < count; ++i) run.push_back(slots++);
    return run;
  }

  explicit RandomPass(Seed seed, bool contexts) {
    Random random(seed);
    paths.reserve(64);
    for (int group = 0; group < 4; ++group) {
      const int shared = 1 + static_cast<int>(random.Below(30));
      const auto context = Run(shared, random);
      for (std::uint64_t i = random.Below(5) + 1; i > 0; --i) {
        std::vector<std::int32_t> path = context;
        const int own = 1 + static_cast<int>(random.Below(9));
        for (const std::int32_t slot : Run(own, random)) path.push_back(slot);
        const int position = shared + own - 1;
        AddRow(std::move(path), position, shared);
      }
    }
    for (int run = 0; contexts && run < 3; ++run) {
      const int begin = run == 0 ? 0 : static_cast<int>(random.Below(20));
      const int count = 1 + static_cast<int>(random.Below(12));
      paths.push_back(Run(begin + count + 2, random));
      for (int p = begin; p < begin + count; ++p) {
        // A gap: what lies between is there already.
        const int position = run == 2 && p > begin + 3 ? p + 2 : p;
        rows.push_back({.position = position, .slots = paths.back().data()});
      }
    }
    Random(seed + 1).Shuffle(paths);  // Data stays where it is.
  }
  void AddRow(std::vector<std::int32_t> path, int position, int shared) {
    paths.push_back(std::move(path));
    rows.push_back({.position = position, .slots = paths.back().data(), .shared = shared});
  }
};

struct Heads {
  int query, key, size;
};

// Row by row with all scores at once, in float64.
at::Tensor PlainAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const std::vector<TokenRow>& rows, int window) {
  std::vector<at::Tensor> out;
  const std::int64_t group = q.size(1) / k.size(1);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const int first = window > 0 ? std::max(0, rows[r].position + 1 - window) : 0;
    std::vector<std::int64_t> seen(rows[r].slots + first, rows[r].slots + rows[r].position + 1);
    const at::Tensor index = at::tensor(seen, at::kLong);
    const auto part = [&](const at::Tensor& all) {
      return all.index_select(0, index).to(at::kDouble).repeat_interleave(group, 1).transpose(0, 1);
    };
    const at::Tensor query = q[static_cast<std::int64_t>(r)].to(at::kDouble).unsqueeze(1);
    const at::Tensor scores =
        at::matmul(query, part(k).transpose(1, 2)) / std::sqrt(static_cast<double>(q.size(2)));
    out.push_back(at::matmul(at::softmax(scores, -1), part(v)).squeeze(1));
  }
  return at::stack(out);
}

at::Tensor AttendByPlan(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                        const PlanTensors& plan) {
  std::vector<PartialAttention> own;
  const std::int64_t samples = plan.sample_rows;
  if (samples > 0) own.push_back(AttendRanges(q.narrow(0, 0, samples), k, v, plan.samples));
  if (samples < q.size(0)) {
    own.push_back(AttendRanges(q.narrow(0, samples, q.size(0) - samples), k, v, plan.runs));
  }
  PartialAttention mine = own[0];
  if (own.size() == 2) {
    mine = {at::cat({own[0].out, own[1].out}), at::cat({own[0].lse, own[1].lse}, 1)};
  }
  return MergeAttention(AttendFolded(q, k, v, plan.before), mine);
}

// Largest difference between the plan's attention and the plain one.
double LargestDifference(Seed seed, const Heads& heads, int window, bool contexts,
                         at::Device device, at::ScalarType type) {
  const RandomPass pass(seed, contexts);
  std::vector<TokenRow> rows;
  for (const int i : AttentionOrder(pass.rows))
    rows.push_back(pass.rows[static_cast<std::size_t>(i)]);
  const auto count = static_cast<std::int64_t>(rows.size());
  const auto noise = [&](std::int64_t n, int h) {
    const at::Tensor angles = at::arange(n * h * heads.size, at::kDouble) * 1.618;
    return (at::sin(angles * (2.5 + h)) * 1.5).view({n, h, heads.size}).to(type);
  };
  const at::Tensor q = noise(count, heads.query), k = noise(pass.slots + 1, heads.key),
                   v = noise(pass.slots + 1, heads.key);
  const PassNumbers numbers(rows, {},
                            {.group = heads.query / heads.key, .max_length = 64, .window = window});
  const PassTensors tensors = numbers.Upload(device);
  const at::Tensor out = AttendByPlan(q.to(device), k.to(device), v.to(device),
                                      window > 0 ? tensors.windowed : tensors.all);
  const at::Tensor right = PlainAttention(q, k, v, rows, window);
  return (out.cpu().to(at::kDouble) - right).abs().max().item<double>();
}

}  // namespace

TEST_CASE("two merged calls over ranges of keys are attention, whatever the pass looks like") {
  for (Seed seed = 0; seed < 12; ++seed) {
    for (const Heads& heads : {Heads{6, 1, 8}, Heads{4, 4, 16}, Heads{8, 2, 24}}) {
      for (int window : {0, 1, 7, 33}) {
        CHECK(LargestDifference(seed, heads, window, true, at::kCPU, at::kFloat) < 1e-5);
        CHECK(LargestDifference(seed, heads, window, false, at::kCPU, at::kFloat) < 1e-5);
      }
    }
  }
}

TEST_CASE("siblings are one entry: their shared keys are read once") {
  const RandomPass pass(3, false);
  std::vector<TokenRow> rows;
  for (const int i : AttentionOrder(pass.rows))
    rows.push_back(pass.rows[static_cast<std::size_t>(i)]);
  const AttentionPlan plan = PlanAttention(rows, 0);
  CHECK(plan.before.entries() == 4);
  CHECK(plan.before.cum_q.back() == static_cast<int>(rows.size()));
  CHECK(plan.samples.entries() == static_cast<int>(rows.size()));
  CHECK(plan.samples.max_q == 1);
  CHECK(plan.runs.entries() == 0);
}

TEST_CASE("padding adds entries without keys, and they weigh nothing") {
  const RandomPass pass(4, false);
  std::vector<TokenRow> rows;
  for (const int i : AttentionOrder(pass.rows))
    rows.push_back(pass.rows[static_cast<std::size_t>(i)]);
  const PassShape shape{.group = 2, .max_length = 64};
  const int padded = RowBucket(static_cast<int>(rows.size()) + 3);
  const PassTensors tensors = PassNumbers(rows, {}, shape, padded).Upload(at::kCPU);
  CHECK(tensors.all.before.used_k.size(0) == padded);
  CHECK(tensors.all.before.max_k == 1024);
  const at::Tensor q = at::sin(at::arange(padded * 4 * 8, at::kFloat)).view({padded, 4, 8});
  const at::Tensor k = at::cos(at::arange((pass.slots + 1) * 16, at::kFloat)).view({-1, 2, 8});
  const at::Tensor out = AttendByPlan(q, k, k, tensors.all);
  CHECK(out.isfinite().all().item<bool>());
  const auto real = static_cast<std::int64_t>(rows.size());
  CHECK(out.narrow(0, real, padded - real).abs().max().item<float>() == 0);
  const at::Tensor right = PlainAttention(q.narrow(0, 0, real), k, k, rows, 0);
  CHECK((out.narrow(0, 0, real).to(at::kDouble) - right).abs().max().item<double>() < 1e-5);
}

TEST_CASE("passes of a bucket share a key, so that one recorded graph serves them") {
  const RandomPass one(5, false), other(6, false);
  const PassShape shape{.group = 2, .max_length = 64};
  const auto key = [&](const RandomPass& pass) {
    std::vector<TokenRow> rows;
    for (const int i : AttentionOrder(pass.rows)) {
      rows.push_back(pass.rows[static_cast<std::size_t>(i)]);
    }
    return PassNumbers(rows, {}, shape, 24).key();
  };
  CHECK(key(one)[0] == 24);
  CHECK(key(one) == key(one));
  CHECK(key(one).size() == key(other).size());
  CHECK(RowBucket(1) == 1);
  CHECK(RowBucket(17) == 24);
  CHECK(RowBucket(513) == 640);
  CHECK(BucketOf(1025, 1024) == 2048);
}

TEST_CASE("the GPU library loads here too, and its flash attention takes what it is given") {
  void* library = ::dlopen("libgradus_gpu.so", RTLD_NOW | RTLD_GLOBAL);
  REQUIRE_MESSAGE(library != nullptr, ::dlerror());
  CHECK(FlashAttentionShortfall() == "");
  using Maker = GpuRuntime*(int);
  const auto make = reinterpret_cast<Maker*>(::dlsym(library, "GradusMakeGpuRuntime"));
  REQUIRE((make != nullptr));
  CHECK(make(1000) == nullptr);  // No machine has so many.
}

TEST_CASE("GPU: flash attention over arbitrary ranges agrees with plain attention" *
          doctest::test_suite("needs gpu")) {
  std::string why_not;
  const auto gpu = OpenGpu(why_not);
  if (!gpu) {
    MESSAGE("skipped: ", why_not);
    return;
  }
  gpu->Use();
  const at::Device device(at::kCUDA, static_cast<at::DeviceIndex>(gpu->device()));
  for (Seed seed = 0; seed < 4; ++seed) {
    for (const Heads& heads : {Heads{6, 1, 64}, Heads{4, 4, 96}, Heads{12, 2, 128}}) {
      for (int window : {0, 7}) {
        CHECK(LargestDifference(seed, heads, window, true, device, at::kBFloat16) < 0.05);
        CHECK(LargestDifference(seed, heads, window, false, device, at::kBFloat16) < 0.05);
      }
    }
  }
}

}  // namespace gradus
