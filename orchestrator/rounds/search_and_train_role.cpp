#include "orchestrator/rounds/search_and_train_role.h"

#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "orchestrator/rounds/config.h"
#include "orchestrator/rounds/orders.h"
#include "schemas/base/log.h"
#include "schemas/tree.h"
#include "workers/rollout_pool.h"

namespace gradus {
namespace {

using nlohmann::json;

class SearchAndTrainRole final : public WorkerRole {
 public:
  explicit SearchAndTrainRole(int rank) : rank_(rank) {}

  void Setup(const std::string& setup) override { config_ = ParseConfig(setup); }

  void BeginLeases(const std::string& text) override {
    const SearchOrder order = ParseSearchOrder(text);
    auto pool = std::make_unique<RolloutPool>(config_.rollout, order.policy, order.ppm);
    std::lock_guard lock(mutex_);
    pool_ = std::move(pool);
    has_ppm_ = !order.ppm.empty();
  }

  void Start(const Key& key, const std::string& payload, std::function<void(std::string)> done,
             std::function<void(std::string)> failed) override {
    RolloutTask task;
    task.key = key;
    task.problem = ParseProblem(payload);
    task.seed = SeedOf(config_.run.seed, key);
    task.spec = SpecFor(config_, key);
    if (!has_ppm_) task.spec.annotation = Annotation::kTerminal;
    pool_->Start(
        std::move(task),
        [rank = rank_, done = std::move(done)](Tree tree) {
          tree.cost.rank = rank;
          done(SerializeTree(tree));
        },
        std::move(failed));
  }

  void EndLeases() override {
    std::unique_ptr<RolloutPool> ended;
    std::lock_guard lock(mutex_);
    ended = std::move(pool_);
  }

  std::string Train(const std::string& text, PeerLink& link,
                    const std::function<void(std::string)>& progress,
                    const std::function<bool()>& stop) override {
    const TrainRequest request = ParseTrainRequest(text);
    TrainCallbacks callbacks;
    callbacks.progress = [&](const TrainProgress& p) { progress(ToText(p)); };
    callbacks.stop = stop;
    callbacks.alarm = [](const std::string& what) { Log("training: {}", what); };
    const double deadline_s = config_.cluster.collective_s;
    if (request.kind == TrainKind::kPpm) {
      const auto group = MakeCollectives(link, config_.ppm.train.train, deadline_s);
      return ToText(TrainPpm(request.order, config_.ppm.train, *group, callbacks));
    }
    const bool bootstrap = request.kind == TrainKind::kBootstrap;
    TrainOptions options = bootstrap ? config_.bootstrap.train : config_.policy.train;
    if (request.steps > 0) options.steps = request.steps;
    const CurriculumStage stage = bootstrap ? config_.bootstrap.curriculum : CurriculumStage{};
    const auto group = MakeCollectives(link, options, deadline_s);
    return ToText(TrainPolicy(request.order, options, stage, *group, callbacks));
  }

  std::string Counters() override {
    std::lock_guard lock(mutex_);
    if (!pool_) return "{}";
    const RolloutCounters c = pool_->Counters();
    return json{{"tokens", c.policy.tokens_generated},
                {"prefilled", c.policy.tokens_prefilled},
                {"scored", c.ppm.tokens_scored},
                {"policy_busy_s", c.policy.busy_s},
                {"ppm_busy_s", c.ppm.busy_s},
                {"execute_cpu_s", c.execute_cpu_s},
                {"programs", c.programs},
                {"in_flight", c.in_flight}}
        .dump();
  }

 private:
  const int rank_;
  Config config_;
  std::mutex
      mutex_;  // Guards pool_ against Counters, which the heartbeat calls from another thread.
  std::unique_ptr<RolloutPool> pool_;
  bool has_ppm_ = false;
};

}  // namespace

std::unique_ptr<WorkerRole> MakeSearchAndTrainRole(int rank) {
  return std::make_unique<SearchAndTrainRole>(rank);
}

}  // namespace gradus
