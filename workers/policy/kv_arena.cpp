#include "workers/policy/kv_arena.h"

#include <algorithm>
#include <iterator>

#include "schemas/base/error.h"

namespace gradus {

SlotAllocator::SlotAllocator(int slots) : free_(slots) {
  if (slots > 0) ranges_[0] = slots;
}

void SlotAllocator::Take(int count, std::vector<std::int32_t>& out) {
  Require(count <= free_, "key/value arena overdrawn");
  free_ -= count;
  while (count > 0) {
    const auto first = ranges_.begin();
    const auto [begin, end] = *first;
    const int taken = std::min(count, end - begin);
    for (int i = 0; i < taken; ++i) out.push_back(begin + i);
    ranges_.erase(first);
    if (begin + taken < end) ranges_[begin + taken] = end;
    count -= taken;
  }
}

void SlotAllocator::Give(const std::vector<std::int32_t>& slots) {
  for (std::size_t i = 0; i < slots.size();) {
    std::size_t j = i + 1;
    while (j < slots.size() && slots[j] == slots[j - 1] + 1) ++j;
    GiveRange(slots[i], slots[j - 1] + 1);
    i = j;
  }
  free_ += static_cast<int>(slots.size());
}

void SlotAllocator::GiveRange(int begin, int end) {
  const auto after = ranges_.lower_bound(begin);
  if (after != ranges_.end() && after->first == end) {
    end = after->second;
    ranges_.erase(after);
  }
  const auto next = ranges_.lower_bound(begin);
  if (next != ranges_.begin() && std::prev(next)->second == begin) {
    std::prev(next)->second = end;
  } else {
    ranges_[begin] = end;
  }
}

std::vector<SequencePtr> PathOf(const SequencePtr& leaf) {
  std::vector<SequencePtr> path;
  for (SequencePtr piece = leaf; piece; piece = piece->parent()) path.push_back(piece);
  std::reverse(path.begin(), path.end());
  return path;
}

KvArena::Key KvArena::KeyOf(const SequencePtr& piece, int rope_table) {
  static_assert(alignof(Sequence) > 1);
  return reinterpret_cast<Key>(piece.get()) | static_cast<Key>(rope_table);
}

CachedPiece* KvArena::Find(Key key) {
  const auto found = pieces_.find(key);
  if (found == pieces_.end()) return nullptr;
  // A dead piece's address may come back as another sequence.
  if (found->second.owner.expired()) {
    Drop(found);
    return nullptr;
  }
  return &found->second;
}

void KvArena::Drop(Map::iterator entry) {
  Require(entry->second.pins == 0, "a pinned piece cannot go");
  allocator_.Give(entry->second.slots);
  unpinned_.erase(entry->second.place);
  pieces_.erase(entry);
}

void KvArena::SweepDead() {
  for (auto it = pieces_.begin(); it != pieces_.end();) {
    const auto entry = it++;
    if (entry->second.pins == 0 && entry->second.owner.expired()) Drop(entry);
  }
  sweep_at_ = std::max<std::size_t>(64, 2 * pieces_.size());
}

bool KvArena::MakeRoom(int count) {
  if (allocator_.free_slots() < count) SweepDead();
  while (allocator_.free_slots() < count && !unpinned_.empty()) {
    Drop(pieces_.find(unpinned_.front()));
  }
  return allocator_.free_slots() >= count;
}

bool KvArena::Take(int count, std::vector<std::int32_t>& out) {
  if (!MakeRoom(count)) return false;
  allocator_.Take(count, out);
  return true;
}

void KvArena::Pin(CachedPiece& cached) {
  if (cached.pins++ == 0) unpinned_.erase(cached.place);
}

bool KvArena::Admit(const std::vector<SequencePtr>& pieces, int rope_table, int extra,
                    std::vector<CachedPiece*>& path, std::vector<std::int32_t>& extra_slots) {
  if (pieces_.size() >= sweep_at_) SweepDead();
  int needed = extra;
  std::vector<SequencePtr> pinned;
  for (const SequencePtr& piece : pieces) {
    if (CachedPiece* cached = Find(KeyOf(piece, rope_table))) {
      Pin(*cached);
      pinned.push_back(piece);
    } else {
      needed += static_cast<int>(piece->tokens().size());
    }
  }
  if (!MakeRoom(needed)) {
    Unpin(pinned, rope_table);
    return false;
  }
  path.clear();
  for (const SequencePtr& piece : pieces) {
    CachedPiece& cached = pieces_[KeyOf(piece, rope_table)];
    if (cached.pins == 0) {
      cached.owner = piece;
      cached.pins = 1;
      allocator_.Take(static_cast<int>(piece->tokens().size()), cached.slots);
    }
    path.push_back(&cached);
  }
  allocator_.Take(extra, extra_slots);
  return true;
}

void KvArena::Unpin(const std::vector<SequencePtr>& path, int rope_table) {
  for (const SequencePtr& piece : path) {
    const Key key = KeyOf(piece, rope_table);
    CachedPiece& cached = pieces_.at(key);
    if (--cached.pins == 0) cached.place = unpinned_.insert(unpinned_.end(), key);
  }
}

}  // namespace gradus
