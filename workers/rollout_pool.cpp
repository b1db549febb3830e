#include "workers/rollout_pool.h"

#include <asio/co_spawn.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <future>
#include <optional>
#include <thread>

#include "schemas/base/error.h"
#include "schemas/base/host.h"
#include "schemas/base/log.h"
#include "workers/confirm.h"
#include "workers/live_world.h"
#include "workers/search/search.h"

namespace gradus {

struct RolloutPool::Impl {
  Impl(const RolloutOptions& o, const std::filesystem::path& policy_folder,
       const std::filesystem::path& ppm_folder)
      : options(o),
        tokenizer(Tokenizer::Load(policy_folder)),
        policy(MakeEngine(policy_folder, o.engine)),
        ppm(ppm_folder.empty() ? nullptr : MakeEngine(ppm_folder, o.engine)),
        environment(MakeEnvironment(o.environment)),
        host(HostName()),
        prompt_digest(environment->PromptDigest()) {
    for (const std::string& token : environment->Tokens()) {
      if (!tokenizer.IdOf(token)) {
        Fail("{}: the tokenizer lacks the marker {}; add the markers first", policy_folder.string(),
             token);
      }
    }
    // A verifier's processes die with the thread that started them, so the loop's own thread does.
    std::promise<void> started;
    thread = std::thread([this, &started] {
      try {
        verifier = FindVerifierKind(options.verifier.kind).make(io, options.verifier);
        verifier->CheckGolden(io);
        started.set_value();
      } catch (...) {
        verifier.reset();
        started.set_exception(std::current_exception());
        return;
      }
      io.run();
      verifier.reset();
    });
    try {
      started.get_future().get();
    } catch (...) {
      thread.join();
      throw;
    }
    services.emplace(Services{tokenizer, *policy, ppm.get(), *verifier, *environment,
                              options.search,
                              FindVerifierKind(options.verifier.kind).limits(options.verifier),
                              options.environment.max_step_tokens});
    identity = verifier->Identity();
  }

  ~Impl() {
    stopping = true;
    // The loop ends, and with it the verifier; then the engines, which hand every pending
    // callback to the loop, where nothing runs any more. The loop's destruction frees the suspended
    // coroutines.
    io.stop();
    thread.join();
    policy.reset();
    ppm.reset();
  }

  asio::awaitable<void> Solve(RolloutTask task, Tree& tree) {
    const double start = MonotonicSeconds();
    tree.key = task.key;
    tree.problem_id = task.problem.id;
    tree.seed = task.seed;
    tree.method = ToString(task.spec.method);
    tree.policy_digest = policy->ModelDigest();
    if (ppm && task.spec.annotation == Annotation::kPpm) tree.ppm_digest = ppm->ModelDigest();
    tree.prompt_digest = prompt_digest;
    tree.verifier = identity;
    Node root;
    root.text = environment->SearchPrompt(task.problem);
    root.tokens = tokenizer.EncodeWithSpecials(root.text);
    tree.nodes.push_back(std::move(root));
    LiveWorld world(*services, task.problem, tree.cost);
    co_await Search(tree, world, options.search, task.spec);
    co_await Confirm(tree, *verifier, services->limits, *environment, task.problem);
    tree.cost.search_s = MonotonicSeconds() - start;
    tree.cost.finished_unix_s = WallSeconds();
    tree.cost.host = host;
  }

  RolloutOptions options;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  Tokenizer tokenizer;
  std::unique_ptr<Verifier> verifier;  // Made and destroyed on `thread`.
  std::unique_ptr<Engine> policy, ppm;
  std::optional<Services> services;
  std::unique_ptr<Environment> environment;
  std::string host, identity, prompt_digest;
  std::atomic<bool> stopping{false};
  std::atomic<std::uint64_t> trees{0}, in_flight{0};
  std::thread thread;
};

RolloutPool::RolloutPool(const RolloutOptions& options, const std::filesystem::path& policy,
                         const std::filesystem::path& ppm)
    : impl_(std::make_unique<Impl>(options, policy, ppm)) {}

RolloutPool::~RolloutPool() = default;

void RolloutPool::Start(RolloutTask task, std::function<void(Tree)> done,
                        std::function<void(std::string)> failed) {
  Impl* pool = impl_.get();
  pool->in_flight += 1;
  auto tree = std::make_shared<Tree>();
  auto finish = [pool, tree, done = std::move(done),
                 failed = std::move(failed)](std::exception_ptr error) {
    pool->in_flight -= 1;
    if (pool->stopping) return;
    if (!error) {
      pool->trees += 1;
      done(std::move(*tree));
      return;
    }
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& what) {
      failed(what.what());
    }
  };
  asio::post(pool->io, [pool, task = std::move(task), tree, finish = std::move(finish)]() mutable {
    asio::co_spawn(pool->io, pool->Solve(std::move(task), *tree), std::move(finish));
  });
}

RolloutCounters RolloutPool::Counters() const {
  RolloutCounters counters;
  counters.policy = impl_->policy->Counters();
  if (impl_->ppm) counters.ppm = impl_->ppm->Counters();
  const VerifierCounters verifier = impl_->verifier->Counters();
  counters.programs = verifier.programs;
  counters.execute_cpu_s = verifier.cpu_s;
  counters.trees = impl_->trees;
  counters.in_flight = impl_->in_flight;
  return counters;
}

}  // namespace gradus
