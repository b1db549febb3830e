#include "workers/search/uct.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

namespace gradus {
namespace {

// What decides between children of equal UCT, larger first; the lowest index wins what is left.
std::uint64_t TieRank(const Tree& tree, std::int32_t child, Ties ties) {
  switch (ties) {
    case Ties::kSamples:
      return tree.nodes[child].samples;
    case Ties::kRandom:
      return MixSeed(tree.seed, "tie", static_cast<std::uint64_t>(child));
    case Ties::kFirst:
      return 0;
  }
  return 0;
}

}  // namespace

double Uct(const Node& parent, const Node& child, const SearchOptions& options) {
  if (child.visits == 0) {
    return options.unvisited == Unvisited::kZero ? 0.0 : std::numeric_limits<double>::infinity();
  }
  if (parent.visits == 0) return QValue(child);
  const double log_parent = std::log(static_cast<double>(parent.visits));
  return QValue(child) + options.c_puct * std::sqrt(log_parent / child.visits);
}

std::optional<std::int32_t> SelectChild(const Tree& tree, const Children& children,
                                        std::int32_t node, const SearchOptions& options) {
  std::optional<std::int32_t> best;
  std::tuple<double, float, std::uint64_t> best_rank;
  for (std::int32_t child : children[node]) {
    const Node& candidate = tree.nodes[child];
    if (candidate.closed) continue;
    // Among unvisited children the PPM's prior decides before the tie rule.
    const float prior = candidate.visits == 0 && candidate.has_ppm ? candidate.ppm : 0.0f;
    const std::tuple rank{Uct(tree.nodes[node], candidate, options), prior,
                          TieRank(tree, child, options.ties)};
    if (!best || rank > best_rank) {
      best = child;
      best_rank = rank;
    }
  }
  return best;
}

void BackUp(Tree& tree, std::int32_t leaf, double value) {
  for (std::int32_t at = leaf; at >= 0; at = tree.nodes[at].parent) {
    tree.nodes[at].q_sum += value;
    tree.nodes[at].visits += 1;
  }
}

void Close(Tree& tree, const Children& children, std::int32_t node) {
  for (std::int32_t at = node; at >= 0; at = tree.nodes[at].parent) {
    if (at != node) {
      for (std::int32_t child : children[at]) {
        if (!tree.nodes[child].closed) return;
      }
    }
    tree.nodes[at].closed = true;
  }
}

void SetPrior(Node& node, float ppm, PpmInit init) {
  node.ppm = ppm;
  node.has_ppm = true;
  node.q_sum += ppm;
  if (init == PpmInit::kVisit) node.visits += 1;
}

std::optional<double> TrueValue(const Node& answer) {
  switch (answer.judgement.verdict) {
    case Verdict::kCorrect:
      return 1.0;
    case Verdict::kWrong:
      return -1.0;
    case Verdict::kUnverifiable:
      return std::nullopt;
  }
  return std::nullopt;
}

std::vector<Node> FilterCandidates(std::vector<Node> candidates, const SearchOptions& options,
                                   const std::function<bool(const Node&)>& finishes) {
  auto kept = candidates.begin();
  for (auto at = candidates.begin(); at != candidates.end(); ++at) {
    auto same = kept;
    if (options.dedupe) {
      same = std::find_if(candidates.begin(), kept,
                          [&](const Node& earlier) { return earlier.text == at->text; });
    }
    if (same != kept) {
      same->samples += 1;
    } else {
      if (kept != at) *kept = std::move(*at);
      ++kept;
    }
  }
  candidates.erase(kept, candidates.end());
  if (options.finishing == Finishing::kFirstOnly) {
    const auto first = std::find_if(candidates.begin(), candidates.end(), finishes);
    if (first != candidates.end()) {
      if (first != candidates.begin()) candidates.front() = std::move(*first);
      candidates.resize(1);
    }
  }
  return candidates;
}

}  // namespace gradus
