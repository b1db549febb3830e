#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "schemas/base/error.h"
#include "trainer/collectives.h"
#include "trainer/tree_sum.h"

namespace gradus {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;
enum Tag : std::uint32_t { kPartial = 1, kSpread = 2, kArrive = 3 };

class SoloCollectives final : public Collectives {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void TreeSum(std::vector<std::vector<float>>& local, int leaves,
               std::vector<float>& sum) override {
    ReduceOverTree(local, leaves, 0, 1, {});
    sum.swap(local[0]);
  }
  void Broadcast(std::vector<char>&, int) override {}
  void Barrier() override {}
};

// The position of a rank in a binomial tree rooted at `root`: it hears from one rank and tells some
// others.
struct TreePlace {
  int parent = -1;
  std::vector<int> children;  // Largest subtree first.
};

TreePlace PlaceOf(int rank, int size, int root) {
  const int place = (rank - root + size) % size;
  const int lowest_bit = place == 0 ? size : place & -place;
  TreePlace result;
  if (place != 0) result.parent = (place - lowest_bit + root) % size;
  for (int step = 1; step < lowest_bit && place + step < size; step *= 2) {
    result.children.push_back((place + step + root) % size);
  }
  std::reverse(result.children.begin(), result.children.end());
  return result;
}

class HostCollectives final : public Collectives {
 public:
  HostCollectives(PeerLink& link, double deadline_s) : link_(link), deadline_s_(deadline_s) {}
  int rank() const override { return link_.rank(); }
  int size() const override { return link_.size(); }

  void TreeSum(std::vector<std::vector<float>>& local, int leaves,
               std::vector<float>& sum) override {
    ReduceOverTree(local, leaves, rank(), size(),
                   {[this](int to, std::span<const float> partial) { SendPartial(to, partial); },
                    [this](int from, std::span<float> into) { AddPartial(from, into); }});
    if (rank() == 0) sum.swap(local[0]);
    // Ranks without a leaf learn the length here.
    std::uint64_t length = sum.size();
    SpreadBytes({reinterpret_cast<char*>(&length), sizeof(length)}, 0);
    sum.resize(length);
    SpreadBytes({reinterpret_cast<char*>(sum.data()), sum.size() * sizeof(float)}, 0);
  }

  void Broadcast(std::vector<char>& bytes, int root) override {
    std::uint64_t length = bytes.size();
    SpreadBytes({reinterpret_cast<char*>(&length), sizeof(length)}, root);
    bytes.resize(length);
    SpreadBytes(bytes, root);
  }

  void Barrier() override {
    const TreePlace place = PlaceOf(rank(), size(), 0);
    for (int child : place.children) ReceiveExactly(child, kArrive, 0);
    if (place.parent >= 0) link_.Send(place.parent, kArrive, {});
    char release = 0;
    SpreadBytes({&release, 1}, 0);
  }

 private:
  std::string ReceiveExactly(int from, std::uint32_t tag, std::size_t bytes) {
    std::string message = link_.Receive(from, tag, deadline_s_);
    if (message.size() != bytes) {
      throw Error(
          fmt::format(
              "training rank {} sent {} bytes where rank {} expected {}: the group is out of step",
              from, message.size(), rank(), bytes),
          ExitCode::kTrainersLost);
    }
    return message;
  }

  void SendPartial(int to, std::span<const float> partial) {
    const auto bytes = std::as_bytes(partial);
    for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes) {
      const std::size_t count = std::min(kChunkBytes, bytes.size() - at);
      link_.Send(to, kPartial,
                 std::string(reinterpret_cast<const char*>(bytes.data()) + at, count));
    }
  }

  void AddPartial(int from, std::span<float> into) {
    constexpr std::size_t kChunk = kChunkBytes / sizeof(float);
    for (std::size_t at = 0; at < into.size(); at += kChunk) {
      const std::size_t count = std::min(kChunk, into.size() - at);
      const std::string chunk = ReceiveExactly(from, kPartial, count * sizeof(float));
      for (std::size_t i = 0; i < count; ++i) {
        float term;
        std::memcpy(&term, chunk.data() + i * sizeof(float), sizeof(float));
        into[at + i] += term;
      }
    }
  }

  // Chunk by chunk, so that the levels of the tree work at the same time.
  void SpreadBytes(std::span<char> bytes, int root) {
    const TreePlace place = PlaceOf(rank(), size(), root);
    for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes) {
      const std::span<char> chunk = bytes.subspan(at, std::min(kChunkBytes, bytes.size() - at));
      if (place.parent >= 0) {
        const std::string message = ReceiveExactly(place.parent, kSpread, chunk.size());
        std::memcpy(chunk.data(), message.data(), chunk.size());
      }
      for (int child : place.children)
        link_.Send(child, kSpread, std::string(chunk.data(), chunk.size()));
    }
  }

  PeerLink& link_;
  double deadline_s_;
};

}  // namespace

std::unique_ptr<Collectives> MakeSoloCollectives() { return std::make_unique<SoloCollectives>(); }

std::unique_ptr<Collectives> MakeHostCollectives(PeerLink& link, double deadline_s) {
  return std::make_unique<HostCollectives>(link, deadline_s);
}

}  // namespace gradus
