#include "workers/engine/kv_arena.h"

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

bool SlotAllocator::TakeAt(int begin, int count, std::vector<std::int32_t>& out) {
  auto range = ranges_.upper_bound(begin);
  if (range == ranges_.begin()) return false;
  const auto [first, end] = *--range;
  if (begin + count > end) return false;
  ranges_.erase(range);
  if (first < begin) ranges_[first] = begin;
  if (begin + count < end) ranges_[begin + count] = end;
  for (int i = 0; i < count; ++i) out.push_back(begin + i);
  free_ -= count;
  return true;
}

bool SlotAllocator::TakeRun(int count, std::vector<std::int32_t>& out) {
  if (count == 0) return true;
  for (const auto& [begin, end] : ranges_) {
    if (end - begin >= count) return TakeAt(begin, count, out);
  }
  return false;
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

void KvArena::EvictOldest() {
  const auto oldest = pieces_.find(unpinned_.front());
  evicted_ += !oldest->second.owner.expired();
  Drop(oldest);
}

bool KvArena::MakeRoom(int count) {
  if (allocator_.free_slots() < count) SweepDead();
  while (allocator_.free_slots() < count && !unpinned_.empty()) EvictOldest();
  return allocator_.free_slots() >= count;
}

bool KvArena::TakeRun(int count, std::vector<std::int32_t>& out) {
  if (allocator_.TakeRun(count, out)) return true;
  SweepDead();
  while (!allocator_.TakeRun(count, out)) {
    if (unpinned_.empty()) return false;
    EvictOldest();
  }
  return true;
}

bool KvArena::Take(int count, std::vector<std::int32_t>& out) {
  if (layout_ == SlotLayout::kRuns) return TakeRun(count, out);
  if (!MakeRoom(count)) return false;
  allocator_.Take(count, out);
  return true;
}

void KvArena::Pin(CachedPiece& cached) {
  if (cached.pins++ == 0) unpinned_.erase(cached.place);
}

// Pins the pieces that are there and returns them; `missing` counts the tokens of the others.
std::vector<SequencePtr> KvArena::PinCached(const std::vector<SequencePtr>& pieces, int rope_table,
                                            int& missing) {
  std::vector<SequencePtr> pinned;
  missing = 0;
  for (const SequencePtr& piece : pieces) {
    if (CachedPiece* cached = Find(KeyOf(piece, rope_table))) {
      Pin(*cached);
      pinned.push_back(piece);
    } else {
      missing += static_cast<int>(piece->tokens().size());
    }
  }
  return pinned;
}

bool KvArena::Admit(const std::vector<SequencePtr>& pieces, int rope_table, int extra,
                    PathPlace& place, std::vector<std::int32_t>& extra_slots) {
  if (pieces_.size() >= sweep_at_) SweepDead();
  int missing = 0;
  const std::vector<SequencePtr> pinned = PinCached(pieces, rope_table, missing);
  place = {};
  if (layout_ == SlotLayout::kRuns) {
    if (PlaceBehind(pieces, rope_table, extra, place, extra_slots) ||
        PlaceInRun(pieces, rope_table, extra, place, extra_slots)) {
      return true;
    }
    Unpin(pinned, rope_table);
    // No room for copies beside the pieces: a run in the room that its own pieces may have had.
    std::vector<std::int32_t> run;
    if (pinned.empty() || !TakeRun(pieces.back()->length() + extra, run)) return false;
    allocator_.Give(run);
    PinCached(pieces, rope_table, missing);
    return PlaceInRun(pieces, rope_table, extra, place, extra_slots);
  }
  if (!MakeRoom(missing + extra)) {
    Unpin(pinned, rope_table);
    return false;
  }
  PlaceAnywhere(pieces, rope_table, place);
  allocator_.Take(extra, extra_slots);
  return true;
}

// The pinned cached piece, or a new one that has no slots yet.
CachedPiece& KvArena::Piece(const SequencePtr& piece, int rope_table) {
  CachedPiece& cached = pieces_[KeyOf(piece, rope_table)];
  if (cached.pins == 0) {
    cached.owner = piece;
    cached.pins = 1;
  }
  return cached;
}

void KvArena::PlaceAnywhere(const std::vector<SequencePtr>& pieces, int rope_table,
                            PathPlace& place) {
  for (const SequencePtr& piece : pieces) {
    CachedPiece& cached = Piece(piece, rope_table);
    allocator_.Take(static_cast<int>(piece->tokens().size() - cached.slots.size()), cached.slots);
    place.pieces.push_back(&cached);
    place.slots.insert(place.slots.end(), cached.slots.begin(), cached.slots.end());
  }
}

// One run for the whole path and the extra slots: missing pieces live in it, the others are copied.
bool KvArena::PlaceInRun(const std::vector<SequencePtr>& pieces, int rope_table, int extra,
                         PathPlace& place, std::vector<std::int32_t>& extra_slots) {
  std::vector<std::int32_t> run;
  if (!TakeRun(pieces.back()->length() + extra, run)) return false;
  auto at = run.begin();
  for (const SequencePtr& piece : pieces) {
    const auto end = at + static_cast<std::ptrdiff_t>(piece->tokens().size());
    CachedPiece& cached = Piece(piece, rope_table);
    std::vector<std::int32_t>& owner = cached.slots.empty() ? cached.slots : place.borrowed;
    owner.insert(owner.end(), at, end);
    place.pieces.push_back(&cached);
    at = end;
  }
  place.slots.assign(run.begin(), at);
  extra_slots.insert(extra_slots.end(), at, run.end());
  return true;
}

// Without a copy: the cached pieces come first and lie in order, and the room behind them is free.
bool KvArena::PlaceBehind(const std::vector<SequencePtr>& pieces, int rope_table, int extra,
                          PathPlace& place, std::vector<std::int32_t>& extra_slots) {
  std::vector<std::int32_t> slots;
  std::size_t known = 0;
  while (known < pieces.size() && pieces_.contains(KeyOf(pieces[known], rope_table))) {
    for (const std::int32_t slot : pieces_.at(KeyOf(pieces[known], rope_table)).slots) {
      if (!slots.empty() && slot != slots.back() + 1) return false;
      slots.push_back(slot);
    }
    ++known;
  }
  for (std::size_t i = known; i < pieces.size(); ++i) {
    if (pieces_.contains(KeyOf(pieces[i], rope_table))) return false;
  }
  if (slots.empty()) return false;
  std::vector<std::int32_t> more, own;
  const int missing = pieces.back()->length() - static_cast<int>(slots.size());
  if (missing > 0 && !allocator_.TakeAt(slots.back() + 1, missing, more)) return false;
  if (!TakeRun(extra, own)) {
    allocator_.Give(more);
    return false;
  }
  auto at = more.begin();
  for (const SequencePtr& piece : pieces) {
    CachedPiece& cached = Piece(piece, rope_table);
    place.pieces.push_back(&cached);
    if (known > 0) {
      --known;
      continue;
    }
    const auto end = at + static_cast<std::ptrdiff_t>(piece->tokens().size());
    cached.slots.assign(at, end);
    at = end;
  }
  slots.insert(slots.end(), more.begin(), more.end());
  place.slots = std::move(slots);
  extra_slots.insert(extra_slots.end(), own.begin(), own.end());
  return true;
}

void KvArena::Unpin(const std::vector<SequencePtr>& pieces, int rope_table) {
  for (const SequencePtr& piece : pieces) {
    const Key key = KeyOf(piece, rope_table);
    CachedPiece& cached = pieces_.at(key);
    if (--cached.pins == 0) cached.place = unpinned_.insert(unpinned_.end(), key);
  }
}

void KvArena::Release(const std::vector<SequencePtr>& pieces, int rope_table, PathPlace& place) {
  Unpin(pieces, rope_table);
  allocator_.Give(place.borrowed);
  place = {};
}

}  // namespace gradus
