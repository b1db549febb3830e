#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "workers/policy/engine.h"

namespace gradus {

// Hands out slots of the key/value arena, lowest first, so that little of it is ever touched.
class SlotAllocator {
 public:
  explicit SlotAllocator(int slots);
  int free_slots() const { return free_; }
  // Appends `count` slots to `out`. REQUIRES: count ≤ free_slots().
  void Take(int count, std::vector<std::int32_t>& out);
  void Give(const std::vector<std::int32_t>& slots);

 private:
  void GiveRange(int begin, int end);
  std::map<int, int> ranges_;  // begin → end, neither touching nor overlapping.
  int free_ = 0;
};

// The cached keys and values of one Sequence piece.
struct CachedPiece {
  std::weak_ptr<const Sequence> owner;
  std::vector<std::int32_t> slots;  // One per token of the piece.
  int computed = 0;  // Tokens of the piece whose keys are in the arena, or in the pass being built.
  int pins = 0;      // Requests in progress that use it.
  std::list<std::uintptr_t>::iterator place;  // In the eviction order while unpinned.
};

// Keys and values by piece. A piece lives while its Sequence does and nobody needs its slots more:
// least recently used pieces go first, pinned ones never. What was evicted is computed again on
// demand, with the same bits. A piece may be there once per rope table: its keys are turned.
class KvArena {
 public:
  explicit KvArena(int slots) : allocator_(slots), size_(slots) {}

  int size() const { return size_; }
  // Pins every piece of a path (root first), making those that are missing, and takes `extra` more
  // slots; or changes nothing and returns false when that many slots cannot be freed. `path`
  // receives the cached pieces.
  bool Admit(const std::vector<SequencePtr>& pieces, int rope_table, int extra,
             std::vector<CachedPiece*>& path, std::vector<std::int32_t>& extra_slots);
  void Unpin(const std::vector<SequencePtr>& path, int rope_table);
  bool Take(int count, std::vector<std::int32_t>& out);  // False: not possible now.
  void Give(const std::vector<std::int32_t>& slots) { allocator_.Give(slots); }

 private:
  using Key = std::uintptr_t;  // The piece's address; its lowest bit tells the rope table.
  using Map = std::unordered_map<Key, CachedPiece>;
  static Key KeyOf(const SequencePtr& piece, int rope_table);
  CachedPiece* Find(Key key);
  void Pin(CachedPiece& cached);
  bool MakeRoom(int count);
  void SweepDead();
  void Drop(Map::iterator entry);

  SlotAllocator allocator_;
  int size_;
  Map pieces_;
  std::list<Key> unpinned_;    // Least recently used first.
  std::size_t sweep_at_ = 64;  // Number of pieces at which the dead ones are looked for.
};

// The pieces of a path, root first.
std::vector<SequencePtr> PathOf(const SequencePtr& leaf);

}  // namespace gradus
