#include <algorithm>
#include <string_view>

#include "orchestrator/selection/difficulty.h"
#include "orchestrator/selection/selection.h"
#include "orchestrator/selection/trajectory.h"

namespace gradus {
namespace {

using Tokens = std::vector<std::int32_t>;
using Nodes = std::vector<std::int32_t>;

// A tree with its child lists and, for each node, the verified answers at or below it.
struct Family {
  explicit Family(const Tree& t);
  const Node& node(std::int32_t i) const { return tree.nodes[i]; }
  double q(std::int32_t i) const { return QValue(tree.nodes[i]); }

  const Tree& tree;
  std::vector<Nodes> children;
  std::vector<int> correct, wrong;
};

Family::Family(const Tree& t)
    : tree(t), children(t.nodes.size()), correct(t.nodes.size()), wrong(t.nodes.size()) {
  for (std::size_t i = t.nodes.size(); i-- > 0;) {
    const Node& node = t.nodes[i];
    if (node.kind == NodeKind::kAnswer) {
      correct[i] += node.judgement.verdict == Verdict::kCorrect;
      wrong[i] += node.judgement.verdict == Verdict::kWrong;
    }
    if (node.parent < 0) continue;
    correct[node.parent] += correct[i];
    wrong[node.parent] += wrong[i];
    children[node.parent].push_back(static_cast<std::int32_t>(i));
  }
  for (Nodes& list : children) std::reverse(list.begin(), list.end());
}

enum class Side { kChosen, kRejected };

// A child nobody visited has no Q to compare.
bool Eligible(const Family& family, std::int32_t child, Side side,
              const SelectionOptions& options) {
  const Node& node = family.node(child);
  if (node.visits == 0 || node.kind == NodeKind::kFailed) return false;
  if (node.kind == NodeKind::kAnswer && !options.pair_answer_siblings) return false;
  if (!options.pair_correctness) return true;
  return (side == Side::kChosen ? family.correct : family.wrong)[child] > 0;
}

// Best first: the highest Q for the chosen side, the lowest for the rejected one; ties by node
// index.
Nodes Ranked(const Family& family, std::int32_t parent, Side side,
             const SelectionOptions& options) {
  Nodes list;
  for (std::int32_t child : family.children[parent]) {
    if (Eligible(family, child, side, options)) list.push_back(child);
  }
  const double sign = side == Side::kChosen ? 1 : -1;
  std::stable_sort(list.begin(), list.end(), [&](std::int32_t a, std::int32_t b) {
    return sign * family.q(a) > sign * family.q(b);
  });
  return list;
}

struct Sides {
  Nodes chosen, rejected;
};

void Shorten(Nodes& list, std::size_t size) { list.resize(std::min(list.size(), size)); }

Sides OnBothSides(Sides ranked, std::size_t limit, bool uneven) {
  const bool one_chosen = ranked.chosen.size() == 1, one_rejected = ranked.rejected.size() == 1;
  Shorten(ranked.chosen, uneven && one_rejected ? 2 * limit : limit);
  Shorten(ranked.rejected, uneven && one_chosen ? 2 * limit : limit);
  return ranked;
}

// Moves the first child of `from` that no side has yet to `to`; false when there is none or `to` is
// full.
bool Draw(Nodes& to, const Nodes& other, const Nodes& from, std::size_t limit) {
  if (to.size() >= limit) return false;
  for (std::int32_t child : from) {
    if (std::find(to.begin(), to.end(), child) != to.end()) continue;
    if (std::find(other.begin(), other.end(), child) != other.end()) continue;
    to.push_back(child);
    return true;
  }
  return false;
}

Sides InTurns(const Sides& ranked, std::size_t limit, bool uneven) {
  Sides sides;
  for (bool drew = true; drew;) {
    drew = Draw(sides.chosen, sides.rejected, ranked.chosen, limit);
    drew = Draw(sides.rejected, sides.chosen, ranked.rejected, limit) || drew;
  }
  if (!uneven) return sides;
  if (sides.chosen.size() == 1) {
    while (Draw(sides.rejected, sides.chosen, ranked.rejected, 2 * limit)) continue;
  } else if (sides.rejected.size() == 1) {
    while (Draw(sides.chosen, sides.rejected, ranked.chosen, 2 * limit)) continue;
  }
  return sides;
}

Sides PickSides(const Family& family, std::int32_t parent, const SelectionOptions& options) {
  Sides ranked{Ranked(family, parent, Side::kChosen, options),
               Ranked(family, parent, Side::kRejected, options)};
  const auto limit = static_cast<std::size_t>(options.pairs_per_side);
  if (options.pair_shared_child == SharedChild::kBoth || !options.pair_correctness) {
    // By Q alone every child is on both lists; the positive margin keeps the order.
    return OnBothSides(std::move(ranked), limit, options.pair_uneven);
  }
  return InTurns(ranked, limit, options.pair_uneven);
}

// Mean Q from `start` down to the answer reached by always taking the best (or worst) child that
// still leads to the side's kind of answer.
double GreedyMeanQ(const Family& family, std::int32_t start, Side side) {
  const std::vector<int>& leads = side == Side::kChosen ? family.correct : family.wrong;
  const double sign = side == Side::kChosen ? 1 : -1;
  double sum = 0;
  int steps = 0;
  for (std::int32_t at = start; at >= 0;) {
    sum += family.q(at);
    ++steps;
    std::int32_t next = -1;
    for (std::int32_t child : family.children[at]) {
      if (leads[child] == 0) continue;
      if (next < 0 || sign * family.q(child) > sign * family.q(next)) next = child;
    }
    at = next;
  }
  return sum / steps;
}

// Unicode characters; stray bytes stand for themselves.
std::u32string Characters(std::string_view text) {
  std::u32string characters;
  for (unsigned char byte : text) {
    if ((byte & 0xC0) == 0x80 && !characters.empty()) {
      characters.back() = (characters.back() << 6) | (byte & 0x3F);
    } else {
      characters.push_back(byte);
    }
  }
  return characters;
}

// Whether the Levenshtein distance reaches `limit`: O(length · limit), cells off the diagonal band
// count as `limit`.
bool DiffersBy(std::string_view left, std::string_view right, int limit) {
  if (limit <= 0) return true;
  const std::u32string a = Characters(left), b = Characters(right);
  const int rows = static_cast<int>(a.size()), columns = static_cast<int>(b.size());
  if (std::abs(rows - columns) >= limit) return true;
  std::vector<int> above(columns + 1, limit), row(columns + 1, limit);
  for (int j = 0; j <= std::min(columns, limit); ++j) above[j] = j;
  for (int i = 1; i <= rows; ++i) {
    const int low = std::max(1, i - limit), high = std::min(columns, i + limit);
    row[low - 1] = low == 1 ? std::min(i, limit) : limit;
    int least = row[low - 1];
    for (int j = low; j <= high; ++j) {
      const int replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1, limit});
      least = std::min(least, row[j]);
    }
    if (high < columns) row[high + 1] = limit;
    if (least >= limit) return true;
    std::swap(above, row);
  }
  return above[columns] >= limit;
}

bool Keeps(const Family& family, std::int32_t chosen, std::int32_t rejected,
           const SelectionOptions& options) {
  const double margin = family.q(chosen) - family.q(rejected);
  if (margin <= 0 || margin < options.pair_min_margin) return false;
  if (options.pair_avg_q_order && GreedyMeanQ(family, chosen, Side::kChosen) <=
                                      GreedyMeanQ(family, rejected, Side::kRejected)) {
    return false;
  }
  const Node& a = family.node(chosen);
  const Node& b = family.node(rejected);
  return DiffersBy(a.text + a.output, b.text + b.output, options.pair_min_edit_distance);
}

void AppendStep(Tokens& tokens, const Node& node) {
  tokens.insert(tokens.end(), node.tokens.begin(), node.tokens.end());
  tokens.insert(tokens.end(), node.output_tokens.begin(), node.output_tokens.end());
}

Tokens Prefix(const Tree& tree, std::int32_t parent) {
  Tokens tokens = tree.nodes[0].tokens;
  if (parent > 0) {
    for (std::int32_t i : PathTo(tree, parent)) AppendStep(tokens, tree.nodes[i]);
  }
  return tokens;
}

void AddPairsBelow(const Family& family, std::int32_t parent, const SelectionOptions& options,
                   std::vector<PreferencePair>& pairs) {
  const Sides sides = PickSides(family, parent, options);
  const Tree& tree = family.tree;
  for (std::int32_t chosen : sides.chosen) {
    for (std::int32_t rejected : sides.rejected) {
      if (!Keeps(family, chosen, rejected, options)) continue;
      PreferencePair pair;
      pair.chosen_origin = {tree.key, chosen, tree.problem_id};
      pair.rejected_origin = {tree.key, rejected, tree.problem_id};
      pair.prefix = Prefix(tree, parent);
      AppendStep(pair.chosen, family.node(chosen));
      AppendStep(pair.rejected, family.node(rejected));
      pair.n_pos = static_cast<std::uint32_t>(sides.chosen.size());
      pair.n_neg = static_cast<std::uint32_t>(sides.rejected.size());
      pair.q_chosen = family.q(chosen);
      pair.q_rejected = family.q(rejected);
      pairs.push_back(std::move(pair));
    }
  }
}

// Children to go on with: those that could stand on either side.
Nodes NextFrontier(const Family& family, std::int32_t parent, const SelectionOptions& options) {
  Nodes next;
  for (std::int32_t child : family.children[parent]) {
    if (family.node(child).kind == NodeKind::kStep &&
        Eligible(family, child, Side::kChosen, options) &&
        Eligible(family, child, Side::kRejected, options)) {
      next.push_back(child);
    }
  }
  if (options.pair_frontier == PairFrontier::kMostVisited && next.size() > 1) {
    next = {*std::max_element(next.begin(), next.end(), [&](std::int32_t a, std::int32_t b) {
      return family.node(a).visits < family.node(b).visits;
    })};
  }
  return next;
}

void AddSiblingPairs(const Tree& tree, const SelectionOptions& options,
                     std::vector<PreferencePair>& pairs) {
  const Family family(tree);
  Nodes frontier;
  if (!tree.nodes.empty()) frontier.push_back(0);
  for (std::size_t i = 0; i < frontier.size(); ++i) {
    const std::int32_t parent = frontier[i];
    AddPairsBelow(family, parent, options, pairs);
    const Nodes next = NextFrontier(family, parent, options);
    frontier.insert(frontier.end(), next.begin(), next.end());
  }
}

// The first `limit` distinct trajectories with this verdict, from the best mean Q down or the worst
// up.
std::vector<Trajectory> Extremes(std::vector<Trajectory> all, Verdict verdict, std::size_t limit) {
  std::erase_if(all, [&](const Trajectory& t) { return t.verdict != verdict; });
  const double sign = verdict == Verdict::kCorrect ? 1 : -1;
  std::stable_sort(all.begin(), all.end(), [&](const Trajectory& a, const Trajectory& b) {
    return sign * a.mean_q > sign * b.mean_q;
  });
  std::vector<Trajectory> picks;
  std::vector<Tokens> seen;
  for (Trajectory& trajectory : all) {
    if (picks.size() == limit) break;
    Tokens tokens = ResponseTokens(trajectory);
    if (std::find(seen.begin(), seen.end(), tokens) != seen.end()) continue;
    seen.push_back(std::move(tokens));
    picks.push_back(std::move(trajectory));
  }
  return picks;
}

// The truth orders these, so no margin is asked for. Trees with another prompt have no prefix in
// common.
void AddFinalPairs(const std::vector<Tree>& trees, const SelectionOptions& options,
                   std::vector<PreferencePair>& pairs) {
  const std::vector<Trajectory> all = AnswerTrajectories(trees);
  const auto limit = static_cast<std::size_t>(options.pairs_per_side);
  const auto chosen = Extremes(all, Verdict::kCorrect, limit);
  const auto rejected = Extremes(all, Verdict::kWrong, limit);
  for (const Trajectory& good : chosen) {
    for (const Trajectory& bad : rejected) {
      if (good.tree->nodes[0].tokens != bad.tree->nodes[0].tokens) continue;
      PreferencePair pair;
      pair.chosen_origin = {good.tree->key, good.leaf, good.tree->problem_id};
      pair.rejected_origin = {bad.tree->key, bad.leaf, bad.tree->problem_id};
      pair.prefix = good.tree->nodes[0].tokens;
      pair.chosen = ResponseTokens(good);
      pair.rejected = ResponseTokens(bad);
      pair.n_pos = static_cast<std::uint32_t>(chosen.size());
      pair.n_neg = static_cast<std::uint32_t>(rejected.size());
      pair.q_chosen = good.mean_q;
      pair.q_rejected = bad.mean_q;
      pair.final_step = true;
      pairs.push_back(std::move(pair));
    }
  }
}

}  // namespace

std::vector<PreferencePair> SelectPairs(const std::vector<Tree>& trees, const Problem& problem,
                                        const SelectionOptions& options) {
  std::vector<PreferencePair> pairs;
  if (LikelyMislabelled(problem, trees, options.synthetic_min_correct)) return pairs;
  std::vector<const Tree*> by_key;
  for (const Tree& tree : trees) by_key.push_back(&tree);
  std::sort(by_key.begin(), by_key.end(),
            [](const Tree* a, const Tree* b) { return a->key < b->key; });
  for (const Tree* tree : by_key) AddSiblingPairs(*tree, options, pairs);
  if (options.final_answer_pairs) AddFinalPairs(trees, options, pairs);
  return pairs;
}

}  // namespace gradus
