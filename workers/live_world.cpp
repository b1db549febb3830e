#include "workers/live_world.h"

#include <algorithm>

#include "schemas/base/log.h"
#include "verify/symbolic_grader.h"
#include "workers/search/await.h"

namespace gradus {
namespace {

std::string Joined(const std::vector<std::string>& steps) {
  std::string text;
  for (const std::string& step : steps) text += step;
  return text;
}

// Failing steps in a row that end at `node`.
int FailuresInARow(const Tree& tree, std::int32_t node) {
  int failures = 0;
  for (std::int32_t at = node; at > 0; at = tree.nodes[at].parent) {
    const std::string& outcome = tree.nodes[at].exec_outcome;
    if (outcome.empty() || outcome == ToString(Outcome::kOk)) break;
    ++failures;
  }
  return failures;
}

}  // namespace

LiveWorld::LiveWorld(const Services& services, const Problem& problem, SearchCost& cost)
    : services_(services), problem_(problem), gold_(ReadGold(problem.answer)), cost_(cost) {
  for (const char* stop : {marker::kEndOfStep, marker::kEndOfCode, marker::kEndOfAnswer}) {
    if (const auto id = services.tokenizer.IdOf(stop)) stop_ids_.push_back(*id);
  }
  const std::vector<TokenId>& eos = services.tokenizer.EosIds();
  stop_ids_.insert(stop_ids_.end(), eos.begin(), eos.end());
}

const SequencePtr& LiveWorld::SequenceOf(const Tree& tree, std::int32_t node) {
  if (sequences_.size() < tree.nodes.size()) sequences_.resize(tree.nodes.size());
  if (!sequences_[node]) {
    const Node& n = tree.nodes[node];
    SequencePtr parent = n.parent < 0 ? nullptr : SequenceOf(tree, n.parent);
    std::vector<TokenId> tokens = n.tokens;
    tokens.insert(tokens.end(), n.output_tokens.begin(), n.output_tokens.end());
    sequences_[node] = Extend(std::move(parent), std::move(tokens));
  }
  return sequences_[node];
}

asio::awaitable<std::vector<std::vector<Node>>> LiveWorld::Propose(
    const Tree& tree, std::vector<Proposal> proposals) {
  const double start = MonotonicSeconds();
  std::vector<Start<std::vector<Continuation>>> requests;
  for (const Proposal& p : proposals) {
    GenerateRequest request;
    request.context = SequenceOf(tree, p.node);
    request.samples = p.samples;
    request.max_tokens = services_.environment.max_step_tokens;
    request.stop_ids = stop_ids_;
    request.sampling = {p.temperature, services_.search.top_p, services_.search.top_k,
                        services_.search.min_p};
    request.seed = p.seed;
    requests.push_back([this, request = std::move(request)](auto done) {
      services_.policy.Generate(request, std::move(done));
    });
  }
  std::vector<std::vector<Continuation>> sampled =
      co_await AwaitAll<std::vector<Continuation>>(std::move(requests));
  std::vector<std::vector<Node>> result(proposals.size());
  for (std::size_t i = 0; i < proposals.size(); ++i) {
    Require(static_cast<int>(sampled[i].size()) == proposals[i].samples,
            "the policy engine stopped");
    for (Continuation& continuation : sampled[i]) {
      Node node;
      node.parent = proposals[i].node;
      node.depth = static_cast<std::uint16_t>(tree.nodes[proposals[i].node].depth + 1);
      node.tokens = std::move(continuation.tokens);
      node.logprobs = std::move(continuation.logprobs);
      node.text = services_.tokenizer.Decode(node.tokens);
      cost_.tokens_generated += node.tokens.size();
      result[i].push_back(std::move(node));
    }
  }
  cost_.generate_s += MonotonicSeconds() - start;
  co_return result;
}

asio::awaitable<void> LiveWorld::GradeAnswers(std::vector<Node*> nodes) {
  std::vector<Start<Judgement>> grades;
  for (const Node* node : nodes) {
    grades.push_back([this, node](auto done) {
      GradeWithAlgebra(services_.executor, gold_, node->answer, {services_.environment.grader, {}},
                       std::move(done));
    });
  }
  if (grades.empty()) co_return;
  std::vector<Judgement> judgements = co_await AwaitAll<Judgement>(std::move(grades));
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i]->judgement = std::move(judgements[i]);
}

void LiveWorld::ReadExecution(const Tree& tree, const ExecResult& result, bool closes_block,
                              Node& node) const {
  node.exec_outcome = ToString(result.outcome);
  const bool failed = Failed(result, services_.search.error_rule);
  if (failed && FailuresInARow(tree, node.parent) + 1 >= services_.search.errors_threshold) {
    node.kind = NodeKind::kFailed;
    node.judgement.reason = result.error.empty() ? node.exec_outcome : result.error;
    return;
  }
  node.kind = NodeKind::kStep;
  if (!closes_block && !failed) return;
  node.output = OutputText(services_.environment, result);
  // A failed step that may go on closes its block itself (released code, errors_threshold > 1).
  if (failed && !closes_block) node.output = marker::kEndOfCode + node.output;
  node.output_tokens = services_.tokenizer.Encode(node.output);
}

asio::awaitable<void> LiveWorld::RunMissing(std::vector<std::string> keys,
                                            std::vector<Program> programs) {
  std::vector<Start<ExecResult>> runs;
  std::vector<std::string> missing;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!executed_.emplace(keys[i], ExecResult{}).second) continue;
    missing.push_back(keys[i]);
    runs.push_back([this, program = std::move(programs[i])](auto done) {
      services_.executor.Step(program, services_.limits, std::move(done));
    });
  }
  if (runs.empty()) co_return;
  cost_.programs += static_cast<std::uint32_t>(runs.size());
  const double start = MonotonicSeconds();
  std::vector<ExecResult> results = co_await AwaitAll<ExecResult>(std::move(runs));
  cost_.execute_s += MonotonicSeconds() - start;
  for (std::size_t i = 0; i < missing.size(); ++i) executed_[missing[i]] = std::move(results[i]);
}

asio::awaitable<void> LiveWorld::Check(const Tree& tree, std::vector<Node>& candidates) {
  std::vector<StepReading> readings;
  std::vector<std::string> keys;
  std::vector<Program> programs;
  for (const Node& candidate : candidates) {
    readings.push_back(ReadStep(candidate.text, services_.search.answer_rule));
    if (readings.back().kind != StepReading::Kind::kCode) {
      keys.emplace_back();
      programs.emplace_back();
      continue;
    }
    Program program{BlockSteps(tree, candidate.parent), problem_.allowed_steps};
    if (!readings.back().code.empty()) program.steps.push_back(readings.back().code);
    keys.push_back(Joined(program.steps));
    programs.push_back(std::move(program));
  }
  // A block without any code prints nothing and cannot fail.
  ExecResult nothing;
  nothing.outcome = Outcome::kOk;
  executed_.emplace("", nothing);
  co_await RunMissing(keys, std::move(programs));
  std::vector<Node*> answers;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Node& node = candidates[i];
    switch (readings[i].kind) {
      case StepReading::Kind::kAnswer:
        node.kind = readings[i].answer.empty() ? NodeKind::kFailed : NodeKind::kAnswer;
        node.answer = readings[i].answer;
        if (node.answer.empty()) {
          node.judgement.reason = "no-answer";
        } else {
          answers.push_back(&node);
        }
        break;
      case StepReading::Kind::kCode:
        ReadExecution(tree, executed_.at(keys[i]), readings[i].closes_block, node);
        break;
      case StepReading::Kind::kMalformed:
        node.kind = NodeKind::kFailed;
        node.judgement.reason = readings[i].reason;
        break;
    }
  }
  for (Node& node : candidates) RefuseTooLong(tree, node);
  std::erase_if(answers, [](const Node* node) { return node->kind != NodeKind::kAnswer; });
  co_await GradeAnswers(std::move(answers));
}

// A program may print more than the model can read: nothing can follow, and nothing can score it.
void LiveWorld::RefuseTooLong(const Tree& tree, Node& node) const {
  std::size_t length = node.tokens.size() + node.output_tokens.size();
  for (std::int32_t at = node.parent; at >= 0; at = tree.nodes[at].parent) {
    length += tree.nodes[at].tokens.size() + tree.nodes[at].output_tokens.size();
  }
  int room = services_.policy.MaxTokens();
  if (services_.ppm) room = std::min(room, services_.ppm->MaxTokens());
  if (node.kind == NodeKind::kStep) ++length;  // Of what is to follow.
  if (length <= static_cast<std::size_t>(room)) return;
  node.kind = NodeKind::kFailed;
  node.answer.clear();
  node.judgement = {Verdict::kUnverifiable, "context-full"};
}

asio::awaitable<std::vector<float>> LiveWorld::Score(const Tree& tree,
                                                     std::vector<std::int32_t> nodes) {
  Require(services_.ppm != nullptr, "a score was asked for, but no PPM is loaded");
  const double start = MonotonicSeconds();
  std::vector<Start<float>> requests;
  for (std::int32_t node : nodes) {
    cost_.tokens_scored += tree.nodes[node].tokens.size() + tree.nodes[node].output_tokens.size();
    requests.push_back([this, sequence = SequenceOf(tree, node)](auto done) {
      services_.ppm->Score(sequence, std::move(done));
    });
  }
  std::vector<float> scores = co_await AwaitAll<float>(std::move(requests));
  cost_.score_s += MonotonicSeconds() - start;
  co_return scores;
}

}  // namespace gradus
