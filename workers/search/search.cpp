#include "workers/search/search.h"

#include "schemas/base/error.h"

namespace gradus {
namespace {

struct SearchKind {
  SearchMethod method;
  asio::awaitable<void> (*grow)(Tree&, World&, const SearchOptions&, const SearchSpec&);
};

constexpr SearchKind kKinds[] = {
    {SearchMethod::kMcts, Mcts},
    {SearchMethod::kSample, SampleChains},
    {SearchMethod::kGreedy, SampleChains},  // One chain at temperature 0.
};

}  // namespace

asio::awaitable<void> Search(Tree& tree, World& world, const SearchOptions& options,
                             const SearchSpec& spec) {
  for (const SearchKind& kind : kKinds) {
    if (kind.method == spec.method) return kind.grow(tree, world, options, spec);
  }
  Require(false, "a search method without an entry in its table");
  std::abort();
}

}  // namespace gradus
