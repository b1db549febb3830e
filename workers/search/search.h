#pragma once
#include <asio/awaitable.hpp>

#include "schemas/tree.h"
#include "workers/search/options.h"
#include "workers/search/world.h"

namespace gradus {

// Grows `tree` (which holds the root alone) by the spec's method. One coroutine per problem;
// rollouts of one tree are sequential, so the tree depends on its seed and the models, not on what
// runs beside it.
asio::awaitable<void> Search(Tree& tree, World& world, const SearchOptions& options,
                             const SearchSpec& spec);

// Monte Carlo tree search of rStar-Math (§3.2): select by UCT, expand, back up.
asio::awaitable<void> Mcts(Tree& tree, World& world, const SearchOptions& options,
                           const SearchSpec& spec);

// `spec.rollouts` independent chains, step by step; the baseline, and greedy decoding with one
// chain at temperature 0.
asio::awaitable<void> SampleChains(Tree& tree, World& world, const SearchOptions& options,
                                   const SearchSpec& spec);

}  // namespace gradus
