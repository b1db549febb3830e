#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "schemas/tree.h"
#include "workers/search/options.h"

namespace gradus {

// The arithmetic of the tree search, on values: no policy, no interpreter, no clock.

inline bool IsTerminal(const Node& node) {
  return node.kind == NodeKind::kAnswer || node.kind == NodeKind::kFailed;
}

// Indices of the children of each node, in creation order.
using Children = std::vector<std::vector<std::int32_t>>;

// UCT(s) = Q(s) + c·sqrt(ln N_parent / N(s)) (rStar-Math eq. 1) with the options' rule for N(s) =
// 0. Unvisited::kFirst gives +infinity.
double Uct(const Node& parent, const Node& child, const SearchOptions& options);

// The open (not closed) child with the highest UCT; nothing when all are closed.
std::optional<std::int32_t> SelectChild(const Tree& tree, const Children& children,
                                        std::int32_t node, const SearchOptions& options);

// q += value, N += 1 from `leaf` up to the root (eq. 2).
void BackUp(Tree& tree, std::int32_t leaf, double value);

// Marks the node as finished, and every ancestor whose children are all finished.
void Close(Tree& tree, const Children& children, std::int32_t node);

// q(s)^0 = PPM (eq. 3), with or without counting as a visit.
void SetPrior(Node& node, float ppm, PpmInit init);

// +1 correct, -1 wrong; nothing for an unverifiable answer, which must not become a label.
std::optional<double> TrueValue(const Node& answer);

// Identical texts become one candidate that stands for several samples; the first finishing sample
// alone remains under Finishing::kFirstOnly.
std::vector<Node> FilterCandidates(std::vector<Node> candidates, const SearchOptions& options,
                                   const std::function<bool(const Node&)>& finishes);

}  // namespace gradus
