#include "orchestrator/bench/search.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "orchestrator/bench/model.h"
#include "schemas/base/log.h"
#include "verify/answers/grader.h"
#include "verify/python/python_verifier.h"
#include "workers/confirm.h"
#include "workers/environments/python_steps.h"
#include "workers/live_world.h"
#include "workers/search/search.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// A policy that writes from a script, at once or when `engine` has computed as many tokens. The
// depth of a path is its number of pieces.
class ScriptedPolicy final : public Engine {
 public:
  ScriptedPolicy(const Tokenizer& tokenizer, int depth, int candidates, Engine* engine)
      : tokenizer_(tokenizer), engine_(engine), depth_(depth) {
    for (int above = 0; above <= depth; ++above) {
      for (int i = 0; i < candidates; ++i) {
        steps_[{above, i}] = tokenizer.Encode(StepText(above, i));
      }
    }
  }

  void Generate(GenerateRequest request,
                std::function<void(std::vector<Continuation>)> done) override {
    int above = -1;  // The root piece is the prompt.
    for (const Sequence* at = request.context.get(); at; at = at->parent().get()) ++above;
    std::vector<Continuation> results(static_cast<std::size_t>(request.samples));
    const std::vector<TokenId> answer =
        above > depth_ ? Answer(request.context->tokens()) : std::vector<TokenId>();
    for (int i = 0; i < request.samples; ++i) {
      Continuation& result = results[static_cast<std::size_t>(i)];
      result.tokens = above > depth_ ? answer : steps_.at({above, i});
      result.logprobs.assign(result.tokens.size(), -1.0f);
      result.reason = StopReason::kStopId;
      counters_.tokens_generated += result.tokens.size();
    }
    ++expansions;
    if (!engine_) return done(std::move(results));
    request.stop_ids = {};
    request.max_tokens = static_cast<int>(results[0].tokens.size());
    engine_->Generate(std::move(request),
                      [done = std::move(done), results = std::move(results)](
                          std::vector<Continuation>) mutable { done(std::move(results)); });
  }
  void Score(SequencePtr, std::function<void(float)> done) override { done(0); }
  void LogProb(SequencePtr, std::function<void(double)> done) override { done(0); }
  int MaxTokens() const override { return 1 << 20; }
  EngineCounters Counters() const override { return counters_; }
  const std::string& ModelDigest() const override { return digest_; }

  std::uint64_t expansions = 0;

 private:
  std::string StepText(int above, int candidate) const {
    if (above < depth_) {
      return fmt::format("{}x{} = x{} + {}\n{}", above == 0 ? "<code>\nx0 = 1\n" : "", above + 1,
                         above, candidate, marker::kEndOfStep);
    }
    return fmt::format("print(x{})\n{}", depth_, marker::kEndOfCode);
  }
  // What the step before it has printed.
  std::vector<TokenId> Answer(const std::vector<TokenId>& last) const {
    const std::string text = tokenizer_.Decode(last);
    const std::size_t begin = text.find(marker::kOutput) + std::string_view(marker::kOutput).size();
    return tokenizer_.Encode(fmt::format(
        "{}\\boxed{{{}}}{}", marker::kAnswer,
        text.substr(begin, text.find(marker::kEndOfOutput) - begin), marker::kEndOfAnswer));
  }

  const Tokenizer& tokenizer_;
  Engine* engine_;
  int depth_;
  std::map<std::pair<int, int>, std::vector<TokenId>> steps_;  // By code depth and candidate.
  EngineCounters counters_;
  std::string digest_ = "script";
};

// A verifier whose programs print 1 at once.
class InstantVerifier final : public Verifier {
 public:
  explicit InstantVerifier(asio::io_context& io) : io_(io) {}
  void Step(State state, const ExecLimits&, std::function<void(Report)> done) override {
    asio::post(io_, [done = std::move(done), report = Ran(state)] { done(report); });
  }
  void Check(State state, const Goal* goal, const ExecLimits&,
             std::function<void(Checked)> done) override {
    Checked checked{Ran(state), {}};
    if (goal) checked.judgement = Grade(std::get<AnswerGoal>(*goal).expected, state.answer);
    asio::post(io_, [done = std::move(done), checked] { done(checked); });
  }
  std::string Identity() const override { return "instant"; }
  void CheckGolden(asio::io_context&) override {}
  VerifierCounters Counters() const override { return {}; }

 private:
  static Report Ran(const State& state) {
    Report report;
    report.end = End::kFine;
    report.outcome = ToString(Outcome::kOk);
    if (!state.steps.empty() && state.steps.back().starts_with("print")) report.shown = "1\n";
    return report;
  }
  asio::io_context& io_;
};

// Of this process, without its interpreters: what it takes on a machine that others use too.
double CpuSeconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Outcomes {
  std::uint64_t nodes = 0, programs = 0, rollouts = 0, correct = 0;
};

asio::awaitable<void> Solve(const Services& services, const Problem& problem,
                            const SearchSpec& spec, Seed seed, Outcomes& outcomes) {
  Tree tree;
  tree.problem_id = problem.id;
  tree.seed = seed;
  Node root;
  root.text = services.environment.SearchPrompt(problem);
  root.tokens = services.tokenizer.Encode(root.text);
  tree.nodes.push_back(std::move(root));
  LiveWorld world(services, problem, tree.cost);
  co_await Search(tree, world, services.search, spec);
  co_await Confirm(tree, services.verifier, services.limits, services.environment, problem);
  outcomes.nodes += tree.nodes.size();
  outcomes.programs += tree.cost.programs;
  outcomes.rollouts += tree.cost.rollouts;
  for (const Node& node : tree.nodes)
    outcomes.correct += node.judgement.verdict == Verdict::kCorrect;
}

Json Measure(const SearchBenchOptions& options, const Tokenizer& tokenizer, asio::io_context& io,
             Verifier& verifier, Engine* engine) {
  ScriptedPolicy policy(tokenizer, options.depth, options.candidates, engine);
  const PythonSteps environment({});
  SearchOptions search;
  search.max_depth = options.depth + 2;
  const Services services{
      tokenizer, policy, nullptr, verifier, environment, search, options.execution.limits};
  SearchSpec spec;
  spec.candidates = options.candidates;
  spec.rollouts = options.rollouts;
  std::vector<Problem> problems;
  for (int p = 0; p < options.problems; ++p) {
    // Among the values that the paths reach, each problem's own.
    const int gold = 1 + p % (options.depth * (options.candidates - 1) + 1);
    problems.push_back({fmt::format("p{}", p), "Which number?", fmt::to_string(gold), "", "", {}});
  }
  Outcomes outcomes;
  const double start = MonotonicSeconds(), cpu_start = CpuSeconds();
  int left = options.problems;
  for (int p = 0; p < options.problems; ++p) {
    asio::co_spawn(io,
                   Solve(services, problems[static_cast<std::size_t>(p)], spec,
                         static_cast<Seed>(p), outcomes),
                   [&](std::exception_ptr error) {
                     if (error) std::rethrow_exception(error);
                     if (--left == 0) io.stop();
                   });
  }
  io.restart();
  io.run();
  const double seconds = MonotonicSeconds() - start, cpu_s = CpuSeconds() - cpu_start;
  return {{"seconds", seconds},
          {"cpu_s", cpu_s},
          {"nodes", outcomes.nodes},
          {"expansions", policy.expansions},
          {"programs", outcomes.programs},
          {"rollouts", outcomes.rollouts},
          {"correct", outcomes.correct},
          {"nodes_per_s", static_cast<double>(outcomes.nodes) / seconds},
          {"expansions_per_s", static_cast<double>(policy.expansions) / seconds},
          {"expansions_per_cpu_s", static_cast<double>(policy.expansions) / cpu_s},
          {"programs_per_s", static_cast<double>(outcomes.programs) / seconds}};
}

// The engine's share of the time until all problems are done.
Json MeasureWithEngine(const SearchBenchOptions& options, const fs::path& model,
                       const Tokenizer& tokenizer, asio::io_context& io, Verifier& verifier) {
  const auto engine = MakeEngine(model, {});
  bool ended = false;
  if (options.straggler_s > 0) {
    ExecLimits limits = options.execution.limits;
    limits.wall_s = options.straggler_s + 10;
    State straggler;
    straggler.steps = {fmt::format("import time\ntime.sleep({})", options.straggler_s)};
    verifier.Step(std::move(straggler), limits, [&](Report) { ended = true; });
  }
  Json result = Measure(options, tokenizer, io, verifier, engine.get());
  const EngineCounters counters = engine->Counters();
  result["tokens_generated"] = counters.tokens_generated;
  result["engine_busy_share"] = counters.busy_s / result["seconds"].get<double>();
  if (options.straggler_s > 0) result["straggler_still_ran"] = !ended;
  return result;
}

}  // namespace

Json BenchSearch(const SearchBenchOptions& options) {
  const BenchModel model({}, MarkerTokens());
  const Tokenizer tokenizer = Tokenizer::Load(model.folder());
  Json result = {{"problems", options.problems},
                 {"rollouts", options.rollouts},
                 {"candidates", options.candidates},
                 {"depth", options.depth}};
  if (options.python) {
    asio::io_context io;
    const auto verifier = MakePythonVerifier(io, options.execution, GraderMode::kStrict);
    result["verifier"] = verifier->Identity();
    result["slots"] = options.execution.slots;
    result["python"] = Measure(options, tokenizer, io, *verifier, nullptr);
    if (options.engine) {
      result["engine"] = MeasureWithEngine(options, model.folder(), tokenizer, io, *verifier);
    }
  }
  asio::io_context io;
  InstantVerifier verifier(io);
  result["instant"] = Measure(options, tokenizer, io, verifier, nullptr);
  return result;
}

}  // namespace gradus
