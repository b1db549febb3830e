#include "workers/live_world.h"

#include <algorithm>
#include <cmath>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
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
    if (outcome.empty() || outcome == NothingRan().outcome) break;
    ++failures;
  }
  return failures;
}

void RequireSound(const Report& report) {
  if (report.end != End::kBroken) return;
  Fail("the verifier is broken here: {}{}{}", report.outcome, report.error.empty() ? "" : ": ",
       report.error);
}

// All that was written behind the prompt, up to and with a candidate below the tree.
std::string Response(const Tree& tree, const Node& candidate) {
  std::string response;
  for (std::int32_t step : PathTo(tree, candidate.parent)) {
    response += tree.nodes[step].text + tree.nodes[step].output;
  }
  return response + candidate.text;
}

}  // namespace

LiveWorld::LiveWorld(const Services& services, const Problem& problem, SearchCost& cost)
    : services_(services), problem_(problem), cost_(cost), stop_ids_(services.tokenizer.EosIds()) {
  for (const std::string& stop : services.environment.Stops()) {
    if (const auto id = services.tokenizer.IdOf(stop)) {
      stop_ids_.push_back(*id);
    } else {
      stop_texts_.push_back(stop);
    }
  }
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
        request.max_tokens = services_.max_step_tokens;
        request.stop_ids = stop_ids_;
        request.stop_texts = stop_texts_;
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

bool LiveWorld::Finishes(const Node& candidate) const {
  return services_.environment.Finishes(candidate.text);
}

// Where the report of `source` on this ground is, or will be.
Report* LiveWorld::ReportOf(const Ground& ground, const std::string& source,
                            std::vector<Missing>& missing) {
  const auto [entry, fresh] = reports_.try_emplace(ground.text + source);
  Report* report = &entry->second;
  if (!fresh) return report;
  if (entry->first.empty()) {
    *report = NothingRan();
    return report;
  }
  State state = ground.state;
  if (!source.empty()) state.steps.push_back(source);
  missing.push_back({std::move(state), report});
  return report;
}

std::vector<LiveWorld::Candidate> LiveWorld::Read(const Tree& tree, const std::vector<Node>& nodes,
                                                  std::vector<Missing>& missing) {
  const std::vector<TokenId>& eos = services_.tokenizer.EosIds();
  std::vector<Candidate> candidates(nodes.size());
  Ground ground;  // Mostly all candidates are siblings.
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& node = nodes[i];
    Sample sample{node.text, false};
    sample.ended =
        !node.tokens.empty() && std::find(eos.begin(), eos.end(), node.tokens.back()) != eos.end();
    if (sample.ended) {
      const std::string end = services_.tokenizer.Decode({node.tokens.back()});
      if (sample.text.ends_with(end)) sample.text.remove_suffix(end.size());
    }
    candidates[i].reading = services_.environment.Read(sample);
    if (!candidates[i].reading.runs) continue;
    if (node.parent != ground.parent) {
      ground.parent = node.parent;
      ground.state = services_.environment.StateAt(problem_, tree, node.parent);
      ground.text = Joined(ground.state.steps);
    }
    candidates[i].report = ReportOf(ground, candidates[i].reading.source, missing);
  }
  return candidates;
}

asio::awaitable<void> LiveWorld::Run(std::vector<Missing> missing) {
  if (missing.empty()) co_return;
  cost_.programs += static_cast<std::uint32_t>(missing.size());
  const double start = MonotonicSeconds();
  std::vector<Report> reports =
      co_await AwaitAll<Report>(missing.size(), [&](std::size_t i, auto done) {
        services_.verifier.Step(std::move(missing[i].state), services_.limits, std::move(done));
      });
  cost_.execute_s += MonotonicSeconds() - start;
  for (std::size_t i = 0; i < missing.size(); ++i) {
    RequireSound(reports[i]);
    *missing[i].report = std::move(reports[i]);
  }
}

// Makes of a candidate what its text says and what running it showed.
void LiveWorld::Observe(const Tree& tree, const Candidate& candidate, Node& node) const {
  const StepReading& reading = candidate.reading;
  if (reading.kind == StepReading::Kind::kMalformed) {
    node.kind = NodeKind::kFailed;
    node.judgement.reason = reading.reason;
    return;
  }
  if (reading.kind == StepReading::Kind::kAnswer) {
    node.kind = reading.answer.empty() ? NodeKind::kFailed : NodeKind::kAnswer;
    node.answer = reading.answer;
    if (node.answer.empty()) node.judgement.reason = "no-answer";
    return;
  }
  node.kind = NodeKind::kStep;
  if (!candidate.report) return;
  const Report& report = *candidate.report;
  node.exec_outcome = report.outcome;
  if (services_.environment.Failed(report) &&
      FailuresInARow(tree, node.parent) + 1 >= services_.search.errors_threshold) {
    node.kind = NodeKind::kFailed;
    node.judgement.reason = report.error.empty() ? report.outcome : report.error;
    return;
  }
  node.output = services_.environment.Observe(reading, report);
  if (!node.output.empty()) node.output_tokens = services_.tokenizer.Encode(node.output);
}

asio::awaitable<void> LiveWorld::Judge(const Tree& tree, std::vector<Node*> answers) {
  if (answers.empty()) co_return;
  std::vector<Checked> checked = co_await AwaitAll<Checked>(answers.size(), [&](std::size_t i,
                                                                                auto done) {
    State claim;
    claim.answer = answers[i]->answer;
    claim.response = Response(tree, *answers[i]);
    services_.verifier.Check(std::move(claim), &problem_.goal, services_.limits, std::move(done));
  });
  for (std::size_t i = 0; i < answers.size(); ++i) {
    RequireSound(checked[i].report);
    answers[i]->judgement = std::move(checked[i].judgement);
  }
}

asio::awaitable<void> LiveWorld::Check(const Tree& tree, std::vector<Node>& nodes) {
  std::vector<Missing> missing;
  const std::vector<Candidate> candidates = Read(tree, nodes, missing);
  co_await Run(std::move(missing));
  for (std::size_t i = 0; i < nodes.size(); ++i) Observe(tree, candidates[i], nodes[i]);
  RefuseTooLong(tree, nodes);
  std::vector<Node*> answers;
  for (Node& node : nodes) {
    if (node.kind == NodeKind::kAnswer) answers.push_back(&node);
  }
  co_await Judge(tree, std::move(answers));
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
  for (float score : scores) {
    if (!std::isfinite(score)) Fail("the process preference model gave no score");
  }
  co_return scores;
}

}  // namespace gradus
