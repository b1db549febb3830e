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
  std::vector<std::vector<Continuation>> sampled =
      co_await AwaitAll<std::vector<Continuation>>(proposals.size(), [&](std::size_t i, auto done) {
        const Proposal& p = proposals[i];
        GenerateRequest request;
        request.context = SequenceOf(tree, p.node);
        request.samples = p.samples;
        request.max_tokens = services_.environment.max_step_tokens;
        request.stop_ids = stop_ids_;
        request.sampling = {p.temperature, services_.search.top_p, services_.search.top_k,
                            services_.search.min_p};
        request.seed = p.seed;
        services_.policy.Generate(std::move(request), std::move(done));
      });
  std::vector<std::vector<Node>> result(proposals.size());
  for (std::size_t i = 0; i < proposals.size(); ++i) {
    Require(static_cast<int>(sampled[i].size()) == proposals[i].samples,
            "the policy engine stopped");
    result[i].reserve(sampled[i].size());
    for (Continuation& continuation : sampled[i]) {
      Node& node = result[i].emplace_back();
      node.parent = proposals[i].node;
      node.depth = static_cast<std::uint16_t>(tree.nodes[proposals[i].node].depth + 1);
      node.tokens = std::move(continuation.tokens);
      node.logprobs = std::move(continuation.logprobs);
      node.text = services_.tokenizer.Decode(node.tokens);
      cost_.tokens_generated += node.tokens.size();
    }
  }
  cost_.generate_s += MonotonicSeconds() - start;
  co_return result;
}

asio::awaitable<void> LiveWorld::GradeAnswers(std::vector<Node*> nodes) {
  if (nodes.empty()) co_return;
  std::vector<Judgement> judgements =
      co_await AwaitAll<Judgement>(nodes.size(), [&](std::size_t i, auto done) {
        GradeWithAlgebra(services_.executor, gold_, nodes[i]->answer,
                         {services_.environment.grader, {}}, std::move(done));
      });
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

// Where the result of `code` below this block is, or will be.
ExecResult* LiveWorld::ResultOf(const BlockCode& block, const std::string& code,
                                std::vector<Missing>& missing) {
  const auto [entry, fresh] = executed_.try_emplace(block.text + code);
  ExecResult* result = &entry->second;
  if (!fresh) return result;
  if (entry->first.empty()) {  // Without any code nothing is printed and nothing can fail.
    result->outcome = Outcome::kOk;
    return result;
  }
  Program program;
  program.steps.reserve(block.steps.size() + 1);
  program.steps = block.steps;
  if (!code.empty()) program.steps.push_back(code);
  program.allowed_steps = problem_.allowed_steps;
  missing.push_back({std::move(program), result});
  return result;
}

asio::awaitable<void> LiveWorld::RunMissing(std::vector<Missing> missing) {
  if (missing.empty()) co_return;
  cost_.programs += static_cast<std::uint32_t>(missing.size());
  const double start = MonotonicSeconds();
  std::vector<ExecResult> results =
      co_await AwaitAll<ExecResult>(missing.size(), [&](std::size_t i, auto done) {
        services_.executor.Step(std::move(missing[i].program), services_.limits, std::move(done));
      });
  cost_.execute_s += MonotonicSeconds() - start;
  for (std::size_t i = 0; i < missing.size(); ++i) *missing[i].result = std::move(results[i]);
}

asio::awaitable<void> LiveWorld::Check(const Tree& tree, std::vector<Node>& candidates) {
  std::vector<Run> runs(candidates.size());
  std::vector<Missing> missing;
  std::vector<Node*> answers;
  std::int32_t parent = -1;  // Whose block is at hand: mostly all candidates are siblings.
  BlockCode block;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Node& node = candidates[i];
    StepReading reading = ReadStep(node.text, services_.search.answer_rule);
    switch (reading.kind) {
      case StepReading::Kind::kAnswer:
        node.kind = reading.answer.empty() ? NodeKind::kFailed : NodeKind::kAnswer;
        node.answer = std::move(reading.answer);
        if (node.answer.empty()) node.judgement.reason = "no-answer";
        break;
      case StepReading::Kind::kCode:
        if (node.parent != parent) {
          parent = node.parent;
          block.steps = BlockSteps(tree, parent);
          block.text = Joined(block.steps);
        }
        runs[i] = {ResultOf(block, reading.code, missing), reading.closes_block};
        break;
      case StepReading::Kind::kMalformed:
        node.kind = NodeKind::kFailed;
        node.judgement.reason = std::move(reading.reason);
        break;
    }
  }
  co_await RunMissing(std::move(missing));
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    if (runs[i].result) {
      ReadExecution(tree, *runs[i].result, runs[i].closes_block, candidates[i]);
    }
  }
  RefuseTooLong(tree, candidates);
  for (Node& node : candidates) {
    if (node.kind == NodeKind::kAnswer) answers.push_back(&node);
  }
  co_await GradeAnswers(std::move(answers));
}

// A program may print more than the model can read: nothing can follow, and nothing can score it.
void LiveWorld::RefuseTooLong(const Tree& tree, std::vector<Node>& candidates) const {
  int room = services_.policy.MaxTokens();
  if (services_.ppm) room = std::min(room, services_.ppm->MaxTokens());
  std::int32_t parent = -1;
  std::size_t above = 0;
  for (Node& node : candidates) {
    if (node.parent != parent) {
      parent = node.parent;
      above = 0;
      for (std::int32_t at = parent; at >= 0; at = tree.nodes[at].parent) {
        above += tree.nodes[at].tokens.size() + tree.nodes[at].output_tokens.size();
      }
    }
    std::size_t length = above + node.tokens.size() + node.output_tokens.size();
    if (node.kind == NodeKind::kStep) ++length;  // Of what is to follow.
    if (length <= static_cast<std::size_t>(room)) continue;
    node.kind = NodeKind::kFailed;
    node.answer.clear();
    node.judgement = {Verdict::kUnverifiable, "context-full"};
  }
}

asio::awaitable<std::vector<float>> LiveWorld::Score(const Tree& tree,
                                                     std::vector<std::int32_t> nodes) {
  Require(services_.ppm != nullptr, "a score was asked for, but no PPM is loaded");
  const double start = MonotonicSeconds();
  for (std::int32_t node : nodes) {
    cost_.tokens_scored += tree.nodes[node].tokens.size() + tree.nodes[node].output_tokens.size();
  }
  std::vector<float> scores = co_await AwaitAll<float>(nodes.size(), [&](std::size_t i, auto done) {
    services_.ppm->Score(SequenceOf(tree, nodes[i]), std::move(done));
  });
  cost_.score_s += MonotonicSeconds() - start;
  co_return scores;
}

}  // namespace gradus
