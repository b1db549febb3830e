#include "trainer/data/pair_layout.h"

namespace gradus {

void PairLayout::Add(const PreferencePair& pair) {
  chosen_.push_back(AddSide(pair.prefix, pair.chosen));
  rejected_.push_back(AddSide(pair.prefix, pair.rejected));
}

std::int64_t PairLayout::AddSide(const Tokens& prefix, const Tokens& side) {
  const int table = rope_->TableOf(int(prefix.size() + side.size()));
  const int root = prefix.empty() ? -1 : SegmentOf(prefix, -1, table);
  return tokens_.LastOf(side.empty() ? root : SegmentOf(side, root, table));
}

int PairLayout::SegmentOf(const Tokens& tokens, int parent, int table) {
  const auto [entry, is_new] = segments_.try_emplace({{parent, table}, tokens}, 0);
  if (is_new) entry->second = tokens_.Add(tokens, parent);
  return entry->second;
}

}  // namespace gradus
