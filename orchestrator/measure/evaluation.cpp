#include "orchestrator/measure/evaluation.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"

namespace gradus {
namespace {

// Indices of the first `limit` problems of each level (0: all), in file order.
std::vector<std::uint32_t> FirstOfEachLevel(const std::vector<Problem>& problems, int limit) {
  std::map<std::string, int> taken;
  std::vector<std::uint32_t> indices;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    if (limit == 0 || taken[problems[i].level]++ < limit) {
      indices.push_back(static_cast<std::uint32_t>(i));
    }
  }
  return indices;
}

int Narrowed(int limit, int per_level) {
  if (limit == 0 || per_level == 0) return std::max(limit, per_level);
  return std::min(limit, per_level);
}

// One group of equal answers in a vote.
struct Votes {
  std::string_view answer;
  std::uint64_t weight = 0;
  Verdict verdict = Verdict::kUnverifiable;
};

// The group with most chains; the first one met wins ties. Verdict of its first verified member.
Votes MostVoted(const Tree& tree, const SameAnswer& same) {
  std::vector<Votes> groups;
  for (std::int32_t leaf : AnswerLeaves(tree)) {
    const Node& node = tree.nodes[leaf];
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Votes& g) {
      return g.answer == node.answer || same(g.answer, node.answer);
    });
    if (group == groups.end()) group = groups.insert(groups.end(), Votes{node.answer, 0, {}});
    group->weight += node.samples;
    if (group->verdict == Verdict::kUnverifiable) group->verdict = node.judgement.verdict;
  }
  Votes best;
  for (const Votes& group : groups) {
    if (group.weight > best.weight) best = group;
  }
  return best;
}

double Score(const Node& node) { return node.has_ppm ? node.ppm : QValue(node); }

Verdict BestByScore(const Tree& tree) {
  const Node* best = nullptr;
  for (std::int32_t leaf : AnswerLeaves(tree)) {
    const Node& node = tree.nodes[leaf];
    if (best == nullptr || Score(node) > Score(*best)) best = &node;
  }
  return best == nullptr ? Verdict::kWrong : best->judgement.verdict;
}

struct Chains {
  std::uint64_t all = 0, answers = 0, correct = 0, unverifiable = 0;
};

Chains CountChains(const Tree& tree) {
  Chains chains;
  for (const Node& node : tree.nodes) {
    if (node.kind != NodeKind::kAnswer && node.kind != NodeKind::kFailed) continue;
    chains.all += node.samples;
    if (node.kind == NodeKind::kFailed) continue;
    chains.answers += node.samples;
    if (node.judgement.verdict == Verdict::kCorrect) chains.correct += node.samples;
    if (node.judgement.verdict == Verdict::kUnverifiable) chains.unverifiable += node.samples;
  }
  return chains;
}

void AddVerdict(RateByLevel& rate, const std::string& level, Verdict verdict) {
  rate.Add(level, verdict == Verdict::kCorrect ? 1 : 0, verdict == Verdict::kUnverifiable);
}

// The verdict of the only chain; no answer at all is wrong: the model did not solve the problem.
Verdict OnlyVerdict(const Tree& tree) {
  const auto leaves = AnswerLeaves(tree);
  return leaves.empty() ? Verdict::kWrong : tree.nodes[leaves.front()].judgement.verdict;
}

void AddSamples(EvalSummary& summary, const Tree& tree, const std::string& level,
                const SameAnswer& same) {
  const Chains chains = CountChains(tree);
  const auto n = std::max<std::uint64_t>(chains.all, static_cast<std::uint64_t>(summary.samples));
  for (std::size_t k = 1; k <= summary.pass_at.size(); ++k) {
    summary.pass_at[k - 1].Add(level, PassAtK(n, chains.correct, k),
                               chains.correct == 0 && chains.unverifiable > 0);
  }
  const Votes winner = MostVoted(tree, same);
  AddVerdict(summary.majority, level, winner.weight == 0 ? Verdict::kWrong : winner.verdict);
}

void AddSearch(EvalSummary& summary, const Tree& tree, const std::string& level) {
  AddVerdict(summary.ppm_guided, level, BestByScore(tree));
  std::uint64_t answers = 0, correct = 0;
  for (std::int32_t leaf : AnswerLeaves(tree)) {
    ++answers;
    correct += tree.nodes[leaf].judgement.verdict == Verdict::kCorrect;
  }
  summary.search_any.Add(level, correct > 0 ? 1 : 0);
  summary.search_random.Add(
      level, answers == 0 ? 0 : static_cast<double>(correct) / static_cast<double>(answers));
}

void PutRate(nlohmann::ordered_json& json, const std::string& name, const RateByLevel& rate) {
  if (rate.all.total == 0) return;
  const Interval interval = WilsonInterval(rate.all.successes, rate.all.total);
  json[name] = rate.all.Value();
  json[name + "_by_level"] = LevelValues(rate);
  json[name + "_interval"] = {interval.low, interval.high};
  json[name + "_n"] = rate.all.total;
  if (rate.all.unverifiable > 0) json[name + "_unverifiable"] = rate.all.unverifiable;
}

}  // namespace

void Bind(Settings& s, EvaluationOptions& o) {
  s.Field("problems", o.problems, "held-out problem file; empty: no evaluation");
  s.Field("per_level", o.per_level, {0, 1e9}, "first problems of each level; 0: all");
  s.Field("greedy", o.greedy, "greedy decoding, one chain per problem");
  s.Field("samples", o.samples, {0, 4096},
          "sampled chains per problem, for pass@k and the vote; 0: none");
  s.Field("sample_per_level", o.sample_per_level, {0, 1e9},
          "first problems of each level that are sampled; 0: as per_level");
  s.Field("search", o.search, "search led by the PPM, once there is one");
  s.Field("search_per_level", o.search_per_level, {0, 1e9},
          "first problems of each level that are searched; 0: as per_level");
  s.Field("candidates", o.candidates, {1, 4096}, "candidates per step of the evaluation search");
  s.Field("rollouts", o.rollouts, {1, 1e6}, "rollouts of the evaluation search");
}

std::vector<Key> EvaluationKeys(RoundIndex round, const std::vector<Problem>& problems,
                                const EvaluationOptions& o, EvalModels models) {
  std::vector<Key> keys;
  const auto add = [&](EvalMethod method, int limit) {
    for (std::uint32_t problem : FirstOfEachLevel(problems, Narrowed(limit, o.per_level))) {
      keys.push_back({static_cast<std::uint32_t>(round), Phase::kEvaluate, problem,
                      static_cast<std::uint32_t>(method)});
    }
  };
  if (o.greedy) add(EvalMethod::kGreedy, 0);
  if (o.samples > 0) add(EvalMethod::kSample, o.sample_per_level);
  if (o.search && models.ppm) add(EvalMethod::kSearch, o.search_per_level);
  if (o.greedy && models.control) add(EvalMethod::kControlGreedy, 0);
  std::sort(keys.begin(), keys.end());
  return keys;
}

EvaluationMeter::EvaluationMeter(const std::vector<Problem>& problems, int samples, SameAnswer same)
    : problems_(problems), same_(std::move(same)) {
  summary_.samples = samples;
  summary_.pass_at.resize(static_cast<std::size_t>(std::max(samples, 0)));
}

void EvaluationMeter::Add(const Tree& tree) {
  if (tree.key.phase != Phase::kEvaluate) return;
  Require(tree.key.problem < problems_.size(), "a tree's key lies outside its problem file");
  Require(!last_ || *last_ < tree.key, "evaluated trees must come in key order, each key once");
  last_ = tree.key;
  const std::string& level = problems_[tree.key.problem].level;
  switch (static_cast<EvalMethod>(tree.key.attempt)) {
    case EvalMethod::kGreedy:
      AddVerdict(summary_.greedy, level, OnlyVerdict(tree));
      break;
    case EvalMethod::kSample:
      AddSamples(summary_, tree, level, same_);
      break;
    case EvalMethod::kSearch:
      AddSearch(summary_, tree, level);
      break;
    case EvalMethod::kControlGreedy:
      AddVerdict(summary_.control, level, OnlyVerdict(tree));
      break;
  }
  summary_.tokens += tree.cost.tokens_generated;
  summary_.programs += tree.cost.programs;
}

EvalSummary MeasureEvaluation(const std::vector<Tree>& trees, const std::vector<Problem>& problems,
                              int samples, const SameAnswer& same) {
  std::vector<const Tree*> by_key;
  for (const Tree& tree : trees) by_key.push_back(&tree);
  std::sort(by_key.begin(), by_key.end(),
            [](const Tree* a, const Tree* b) { return a->key < b->key; });
  EvaluationMeter meter(problems, samples, same);
  for (const Tree* tree : by_key) meter.Add(*tree);
  return meter.summary();
}

double PassAtK(std::uint64_t n, std::uint64_t c, std::uint64_t k) {
  if (c == 0) return 0;
  if (n - c < k) return 1;
  double none = 1;
  for (std::uint64_t i = n - c + 1; i <= n; ++i) {
    none *= 1 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1 - none;
}

nlohmann::ordered_json ToJson(const EvalSummary& s) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  json["n"] = s.greedy.all.total;
  PutRate(json, "greedy", s.greedy);
  PutRate(json, "control", s.control);
  if (!s.pass_at.empty() && s.pass_at.back().all.total > 0) {
    json["k"] = s.samples;
    PutRate(json, "pass_at_k", s.pass_at.back());
    nlohmann::ordered_json curve = nlohmann::ordered_json::object();
    for (std::size_t k = 1; k <= s.pass_at.size(); ++k) {
      curve[std::to_string(k)] = s.pass_at[k - 1].all.Value();
    }
    json["pass_at"] = curve;
  }
  PutRate(json, "majority", s.majority);
  PutRate(json, "ppm_guided", s.ppm_guided);
  PutRate(json, "search_any", s.search_any);
  PutRate(json, "search_random", s.search_random);
  json["tokens"] = s.tokens;
  json["programs"] = s.programs;
  return json;
}

}  // namespace gradus
