#pragma once
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "workers/engine/engine.h"

namespace gradus {

// Hands out slots of the key/value arena, lowest first, so that little of it is ever touched.
class SlotAllocator {
 public:
  explicit SlotAllocator(int slots);
  int free_slots() const { return free_; }
  // Appends `count` slots to `out`. REQUIRES: count ≤ free_slots().
  void Take(int count, std::vector<std::int32_t>& out);
  // Appends `count` neighbouring slots, the first ones that are free, or those from `begin` on.
  // False: there are none.
  bool TakeRun(int count, std::vector<std::int32_t>& out);
  bool TakeAt(int begin, int count, std::vector<std::int32_t>& out);
  void Give(const std::vector<std::int32_t>& slots);

 private:
  void GiveRange(int begin, int end);
  std::map<int, int> ranges_;  // begin → end, neither touching nor overlapping.
  int free_ = 0;
};

// What attention asks of the slots of a path: nothing; or that those of the context are neighbours
// in order, and those of a sample's own tokens too.
enum class SlotLayout : std::uint8_t { kAny, kRuns };

// The cached keys and values of one Sequence piece.
struct CachedPiece {
  std::weak_ptr<const Sequence> owner;
  std::vector<std::int32_t> slots;  // One per token of the piece.
  int computed = 0;  // Tokens of the piece whose keys are in the arena, or in the pass being built.
  int pins = 0;      // Requests in progress that use it.
  std::list<std::uintptr_t>::iterator place;  // In the eviction order while unpinned.
};

// A path in use.
struct PathPlace {
  std::vector<CachedPiece*> pieces;
  std::vector<std::int32_t> slots;     // By position: where attention reads.
  std::vector<std::int32_t> borrowed;  // Those of them that no piece owns: they hold copies.
};

// Keys and values by piece. A piece lives while its Sequence does and nobody needs its slots more:
// least recently used pieces go first, pinned ones never. What was evicted is computed again on
// demand, with the same bits. A piece may be there once per rope table: its keys are turned.
class KvArena {
 public:
  explicit KvArena(int slots, SlotLayout layout = SlotLayout::kAny)
      : allocator_(slots), size_(slots), layout_(layout) {}

  int size() const { return size_; }
  // Pins every piece of a path (root first), making those that are missing, and takes `extra` more
  // slots; or pins nothing and returns false when that many slots cannot be freed. In runs, a
  // path whose cached pieces lie apart gets slots to copy them to.
  bool Admit(const std::vector<SequencePtr>& pieces, int rope_table, int extra, PathPlace& place,
             std::vector<std::int32_t>& extra_slots);
  // Ends what Admit began.
  void Release(const std::vector<SequencePtr>& pieces, int rope_table, PathPlace& place);
  bool Take(int count, std::vector<std::int32_t>& out);  // False: not possible now.
  void Give(const std::vector<std::int32_t>& slots) { allocator_.Give(slots); }

  // Of this moment.
  int free_slots() const { return allocator_.free_slots(); }
  std::size_t pieces() const { return pieces_.size(); }
  std::uint64_t evicted() const { return evicted_; }  // Pieces, since the beginning.
  std::size_t pinned_pieces() const { return pieces_.size() - unpinned_.size(); }
  // Lets go of every piece whose sequence is gone.
  void SweepDead();

 private:
  using Key = std::uintptr_t;  // The piece's address; its lowest bit tells the rope table.
  using Map = std::unordered_map<Key, CachedPiece>;
  static Key KeyOf(const SequencePtr& piece, int rope_table);
  CachedPiece* Find(Key key);
  void Pin(CachedPiece& cached);
  void Unpin(const std::vector<SequencePtr>& pieces, int rope_table);
  std::vector<SequencePtr> PinCached(const std::vector<SequencePtr>& pieces, int rope_table,
                                     int& missing);
  CachedPiece& Piece(const SequencePtr& piece, int rope_table);
  void PlaceAnywhere(const std::vector<SequencePtr>& pieces, int rope_table, PathPlace& place);
  bool PlaceInRun(const std::vector<SequencePtr>& pieces, int rope_table, int extra,
                  PathPlace& place, std::vector<std::int32_t>& extra_slots);
  bool PlaceBehind(const std::vector<SequencePtr>& pieces, int rope_table, int extra,
                   PathPlace& place, std::vector<std::int32_t>& extra_slots);
  void EvictOldest();
  bool MakeRoom(int count);
  bool TakeRun(int count, std::vector<std::int32_t>& out);
  void Drop(Map::iterator entry);

  SlotAllocator allocator_;
  int size_;
  SlotLayout layout_;
  std::uint64_t evicted_ = 0;
  Map pieces_;
  std::list<Key> unpinned_;    // Least recently used first.
  std::size_t sweep_at_ = 64;  // Number of pieces at which the dead ones are looked for.
};

// The pieces of a path, root first.
std::vector<SequencePtr> PathOf(const SequencePtr& leaf);

}  // namespace gradus
