#include "workers/engine/scheduler.h"

#include <doctest/doctest.h>

#include <set>

#include "tests/workers/engine/engine_requests.h"

using namespace gradus;

namespace {

// The sizes of a decoder; the scheduler computes nothing.
struct Sizes final : DecoderBackend {
  explicit Sizes(int kv_tokens, int max_steps) : kv_tokens_(kv_tokens), max_steps_(max_steps) {
    config_.vocab_size = 300;
    config_.max_positions = 96;
  }
  const ModelConfig& config() const override { return config_; }
  bool has_value_head() const override { return true; }
  int kv_tokens() const override { return kv_tokens_; }
  SlotLayout layout() const override { return {}; }
  int max_steps() const override { return max_steps_; }
  void Compute(const Pass&, PassResult&) override { FAIL("a scheduler computes nothing"); }
  ModelConfig config_;
  int kv_tokens_, max_steps_;
};

// Any draws will do: what is wanted of a pass, in the order of its wishes.
PassResult AnyResult(const Pass& pass, Random& random) {
  PassResult result;
  for (int step = 0; step < pass.steps; ++step) {
    for (const OutputWish& wish : pass.wishes) {
      if (step == 0) result.values.push_back(0.5);
      if (wish.kind != OutputWish::Kind::kDraws) continue;
      for (int i = 0; i < wish.samples; ++i) {
        result.draws.push_back({static_cast<TokenId>(random.Below(300)), -1.0f});
      }
    }
  }
  return result;
}

std::unique_ptr<Job> MakeJob(GenerateRequest request, JobKind kind) {
  auto job = std::make_unique<Job>();
  job->kind = kind;
  job->request = std::move(request);
  job->path = PathOf(job->request.context);
  return job;
}

// Rows that fit, each with a slot of its own, that reads only slots of the arena.
void CheckPass(const Pass& pass, const Sizes& sizes, const EngineOptions& options) {
  CHECK(pass.rows.size() <= static_cast<std::size_t>(options.max_rows + options.prefill_tokens));
  CHECK(pass.steps >= 1);
  CHECK(pass.steps <= sizes.max_steps());
  std::set<std::int32_t> written;
  std::size_t outputs = 0;
  for (const TokenRow& row : pass.rows) {
    outputs += row.output;
    CHECK(row.position < sizes.config().max_positions);
    CHECK(written.insert(row.slot).second);
    for (int i = 0; i <= row.position; ++i) {
      const bool inside = row.slots[i] >= 0 && row.slots[i] < sizes.kv_tokens();
      if (!inside) FAIL_CHECK("a row reads slot " << row.slots[i]);
    }
  }
  CHECK(outputs == pass.wishes.size());
}

}  // namespace

TEST_CASE("Every request ends, whatever the sizes, and nothing is left of it") {
  for (Seed seed = 1; seed <= 30; ++seed) {
    Random random(seed);
    const Sizes sizes(120 + static_cast<int>(random.Below(300)),
                      1 + static_cast<int>(random.Below(4)));
    const EngineOptions options{.max_rows = 1 + static_cast<int>(random.Below(9)),
                                .prefill_tokens = 1 + static_cast<int>(random.Below(40))};
    Scheduler scheduler(sizes, options);
    constexpr int kJobs = 25;
    for (int i = 0; i < kJobs; ++i) {
      const int length =
          1 + static_cast<int>(random.Below(110));  // Some are longer than the model.
      GenerateRequest request = Request(Extend(nullptr, SomeTokens(length, seed * 100 + i)),
                                        1 + static_cast<int>(random.Below(6)),
                                        1 + static_cast<int>(random.Below(30)), seed);
      request.stop_ids = {7, 8, 9};
      scheduler.Add(MakeJob(std::move(request), static_cast<JobKind>(random.Below(3))));
    }
    int done = 0, ticks = 0;
    while (!scheduler.Idle()) {
      REQUIRE(++ticks < 20000);
      const Pass& pass = scheduler.NextPass();
      CheckPass(pass, sizes, options);
      if (!pass.rows.empty()) {
        PassResult result = AnyResult(pass, random);
        scheduler.Take(result);
      }
      for (const auto& job : scheduler.TakeDone()) {
        ++done;
        if (job->kind != JobKind::kGenerate || job->refused) continue;
        for (const Continuation& sample : job->results) {
          CHECK(sample.tokens.size() >= 1);
          CHECK(sample.tokens.size() <= static_cast<std::size_t>(job->request.max_tokens));
        }
      }
    }
    CHECK(done == kJobs);
    CHECK(scheduler.NextPass().rows.empty());
    CHECK(scheduler.TakeDone().empty());  // Now that the last requests are gone.
    const EngineUsage usage = scheduler.Usage();
    CHECK(usage.rows == 0);
    CHECK(usage.requests == 0);
    CHECK(usage.pinned_pieces == 0);
    CHECK(usage.free_slots == sizes.kv_tokens());
  }
}

TEST_CASE("What is taken out in the middle is everything that had not ended") {
  const Sizes sizes(200, 1);
  Scheduler scheduler(sizes, {.max_rows = 2, .prefill_tokens = 8});
  for (Seed i = 0; i < 6; ++i) {
    scheduler.Add(
        MakeJob(Request(Extend(nullptr, SomeTokens(10, i)), 3, 20, i), JobKind::kGenerate));
  }
  Random random(1);
  for (int tick = 0; tick < 4; ++tick) {
    PassResult result = AnyResult(scheduler.NextPass(), random);
    scheduler.Take(result);
    CHECK(scheduler.TakeDone().empty());
  }
  CHECK(scheduler.TakeAll().size() == 6);
  CHECK(scheduler.Idle());
}
