#include "workers/live_world.h"

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/temp_folder.h"
#include "verify/python/python_verifier.h"
#include "workers/environments/python_steps.h"
#include "workers/models/hf_folder.h"

using namespace gradus;

namespace {

// A world around a small random model and a real interpreter.
struct Small {
  explicit Small(GraderMode grader = GraderMode::kStrict, EnvironmentOptions o = {})
      : environment(MakeEnvironment(o)) {
    RandomModelOptions shape;
    shape.hidden_size = 32;
    shape.intermediate_size = 32;
    shape.num_layers = 1;
    shape.num_heads = 2;
    shape.num_kv_heads = 1;
    shape.max_positions = 128;
    MakeRandomModel(scratch / "model", shape, MarkerTokens(), 3);
    tokenizer = std::make_unique<Tokenizer>(Tokenizer::Load(scratch / "model"));
    policy = MakeEngine(scratch / "model", {});
    ExecutorOptions options;
    options.preload = {};
    verifier = MakePythonVerifier(io, options, grader);
    services = std::make_unique<Services>(
        Services{*tokenizer, *policy, nullptr, *verifier, *environment, search, options.limits});
  }

  // Checks candidates below a root; each is given by its text.
  std::vector<Node> Check(const std::vector<std::string>& texts, const std::string& answer) {
    const Problem problem{"p", "6 * 7?", answer, "", "", {}};
    Tree tree;
    Node root;
    root.text = "6 * 7?";
    root.tokens = tokenizer->Encode(root.text);
    tree.nodes.push_back(root);
    std::vector<Node> candidates;
    for (const std::string& text : texts) {
      Node node;
      node.parent = 0;
      node.depth = 1;
      node.text = text;
      node.tokens = tokenizer->Encode(text);
      candidates.push_back(node);
    }
    SearchCost cost;
    LiveWorld world(*services, problem, cost);
    asio::co_spawn(io, world.Check(tree, candidates), asio::detached);
    io.restart();
    io.run();
    return candidates;
  }

  TempFolder scratch;
  asio::io_context io;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Engine> policy;
  std::unique_ptr<Verifier> verifier;
  std::unique_ptr<Environment> environment;
  SearchOptions search;
  std::unique_ptr<Services> services;
};

}  // namespace

TEST_CASE("Steps run, answers are graded, and what the model cannot read on from has failed") {
  Small small;
  const auto nodes = small.Check(
      {"<code>\nprint(6 * 7)<end_of_code>", "<answer>\\boxed{42}<end_of_answer>",
       "<answer>\\boxed{41}<end_of_answer>", "<code>\nprint('x' * 500)<end_of_code>", "no markers"},
      "42");
  CHECK(nodes[0].kind == NodeKind::kStep);
  CHECK(nodes[0].output == "\n<output>42<end_of_output>");
  CHECK(nodes[1].judgement.verdict == Verdict::kCorrect);
  CHECK(nodes[2].judgement.verdict == Verdict::kWrong);
  CHECK(nodes[3].kind == NodeKind::kFailed);
  CHECK(nodes[3].judgement.reason == "context-full");
  CHECK(nodes[4].kind == NodeKind::kFailed);
}

TEST_CASE("An answer that only algebra can decide is decided in the search too") {
  Small small;
  const auto nodes =
      small.Check({"<answer>\\boxed{2}<end_of_answer>"}, "\\sum_{n=0}^{\\infty} \\frac{1}{2^n}");
  CHECK(nodes[0].judgement.verdict == Verdict::kCorrect);
  CHECK(nodes[0].judgement.reason == "symbolic-equal");
}

TEST_CASE("grader: a recipe's mode judges the answers of its search") {
  const std::string answer = "<answer>\\boxed{70}<end_of_answer>";
  CHECK(Small().Check({answer}, "0.7")[0].judgement.verdict == Verdict::kWrong);
  CHECK(Small(GraderMode::kTora).Check({answer}, "0.7")[0].judgement.verdict == Verdict::kCorrect);
}

TEST_CASE("errors_threshold: a failing step may go on until that many have failed in a row") {
  Small small;
  const std::string failing = "<code>\nprint(1 / 0)<end_of_step>";
  CHECK(small.Check({failing}, "1")[0].kind == NodeKind::kFailed);
  small.search.errors_threshold = 2;
  const Node node = small.Check({failing}, "1")[0];
  CHECK(node.kind == NodeKind::kStep);
  CHECK(node.output.find("<end_of_code>") == 0);  // It closes its block and shows what went wrong.
  CHECK(node.output.find("ZeroDivisionError") != std::string::npos);
}

TEST_CASE("What a broken verifier says shapes no tree") {
  Small small;
  struct Broken final : Verifier {
    void Step(State, const ExecLimits&, std::function<void(Report)> done) override {
      done({End::kBroken, "sandbox_error", "", {}, "no interpreter left", 0, 0});
    }
    void Check(State, const Goal*, const ExecLimits&, std::function<void(Checked)> done) override {
      done({{End::kBroken, "sandbox_error", "", {}, "no interpreter left", 0, 0}, {}});
    }
    std::string Identity() const override { return "broken"; }
    void CheckGolden(asio::io_context&) override {}
    VerifierCounters Counters() const override { return {}; }
  } broken;
  const Services services{*small.tokenizer,   *small.policy, nullptr,     broken,
                          *small.environment, small.search,  ExecLimits{}};
  const Problem problem{"p", "6 * 7?", "42", "", "", {}};
  for (const char* text : {"<code>\nprint(1)<end_of_code>", "\\boxed{42}<end_of_answer>"}) {
    Tree tree;
    tree.nodes.emplace_back();
    std::vector<Node> candidates(1);
    candidates[0].parent = 0;
    candidates[0].text = text;
    SearchCost cost;
    LiveWorld world(services, problem, cost);
    std::exception_ptr failure;
    asio::co_spawn(small.io, world.Check(tree, candidates),
                   [&](std::exception_ptr error) { failure = error; });
    small.io.restart();
    small.io.run();
    REQUIRE(failure);
    CHECK_THROWS_AS(std::rethrow_exception(failure), Error);
  }
}

TEST_CASE("answer_only: lines of words are steps, and nothing runs") {
  EnvironmentOptions options;
  options.kind = "answer_only";
  Small small(GraderMode::kStrict, options);
  const auto nodes =
      small.Check({"6 * 7 is 42.\n", "So \\boxed{42}\n", "So \\boxed{41}\n", "cut off"}, "42");
  CHECK(nodes[0].kind == NodeKind::kStep);
  CHECK(nodes[0].exec_outcome.empty());
  CHECK(nodes[1].judgement.verdict == Verdict::kCorrect);
  CHECK(nodes[2].judgement.verdict == Verdict::kWrong);
  CHECK(nodes[3].judgement.reason == "unfinished-step");
  CHECK(small.verifier->Counters().programs == 0);
}

TEST_CASE("A preference model that gives no score shapes no tree") {
  struct Mute final : Engine {
    void Generate(GenerateRequest, std::function<void(std::vector<Continuation>)> done) override {
      done({});
    }
    void Score(SequencePtr, std::function<void(float)> done) override { done(std::nanf("")); }
    void LogProb(SequencePtr, std::function<void(double)> done) override { done(0); }
    int MaxTokens() const override { return 128; }
    EngineCounters Counters() const override { return {}; }
    const std::string& ModelDigest() const override { return digest; }
    std::string digest = "mute";
  } mute;
  Small small;
  const Services services{*small.tokenizer,   *small.policy, &mute,       *small.verifier,
                          *small.environment, small.search,  ExecLimits{}};
  const Problem problem{"p", "6 * 7?", "42", "", "", {}};
  Tree tree;
  tree.nodes.emplace_back().tokens = small.tokenizer->Encode("6 * 7?");
  SearchCost cost;
  LiveWorld world(services, problem, cost);
  std::exception_ptr failure;
  asio::co_spawn(small.io, world.Score(tree, {0}),
                 [&](std::exception_ptr error, std::vector<float>) { failure = error; });
  small.io.restart();
  small.io.run();
  REQUIRE(failure);
  CHECK_THROWS_AS(std::rethrow_exception(failure), Error);
}
