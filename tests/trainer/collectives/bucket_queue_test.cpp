#include "trainer/collectives/bucket_queue.h"

#include <doctest/doctest.h>

#include <numeric>

#include "schemas/base/error.h"
#include "schemas/base/seed.h"

namespace gradus {
namespace {

// Seven parameters over five buckets of two blocks: some share a bucket, one spans several.
struct Scene {
  Scene() {
    std::size_t at = 0;
    for (std::size_t blocks : {1, 1, 1, 5, 1, 0, 1}) {
      const std::size_t size = blocks == 0 ? 16 : blocks * kBlock;
      parameters.push_back({at, at + size});
      at += size;
    }
    layout = LayOut(at, 4, 2, 2 * kBlock);
  }
  // Bucket numbers in the order of their release.
  std::vector<std::size_t> released;
  std::vector<ParameterRange> parameters;
  GradientLayout layout;
};

std::vector<std::size_t> AllInOrder(const Scene& scene) {
  std::vector<std::size_t> order(scene.layout.buckets.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

TEST_CASE(
    "Every bucket is handed over exactly once, in order, whatever parameters get a gradient") {
  Random random(5);
  for (int trial = 0; trial < 200; ++trial) {
    Scene scene;
    BucketQueue queue(scene.layout, scene.parameters,
                      [&](std::size_t bucket) { scene.released.push_back(bucket); });
    std::vector<std::size_t> order(scene.parameters.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (int step = 0; step < 4; ++step) {
      scene.released.clear();
      random.Shuffle(order);
      queue.Begin(false);
      for (std::size_t p : order) queue.OnGradient(p);
      queue.Finish();
      CHECK(scene.released.empty());  // Only the last pass of a step hands over.
      queue.Begin(true);
      const std::size_t touched = random.Below(order.size() + 1);
      for (std::size_t i = 0; i < touched; ++i) queue.OnGradient(order[i]);
      queue.Finish();
      CHECK(scene.released == AllInOrder(scene));
    }
  }
}

TEST_CASE("After the first step buckets leave while backward works, when all in them is finished") {
  Scene scene;
  BucketQueue queue(scene.layout, scene.parameters,
                    [&](std::size_t bucket) { scene.released.push_back(bucket); });
  queue.Begin(true);
  for (std::size_t p = scene.parameters.size(); p-- > 0;) queue.OnGradient(p);
  CHECK(scene.released.empty());
  queue.Finish();
  CHECK(scene.released == AllInOrder(scene));

  scene.released.clear();
  queue.Begin(true);
  for (std::size_t p = scene.parameters.size(); p-- > 0;) {
    queue.OnGradient(p);
    for (std::size_t bucket : scene.released) {
      for (std::size_t earlier = 0; earlier < p; ++earlier)
        CHECK(Intersection(scene.parameters[earlier], scene.layout.buckets[bucket]).empty());
    }
  }
  CHECK(scene.released == AllInOrder(scene));
  queue.Finish();
  CHECK(scene.released == AllInOrder(scene));
}

TEST_CASE("A parameter whose gradient comes in pieces is held back until the pass is over") {
  Scene scene;
  BucketQueue queue(scene.layout, scene.parameters,
                    [&](std::size_t bucket) { scene.released.push_back(bucket); });
  const std::size_t last = scene.parameters.size() - 1;
  for (int step = 0; step < 3; ++step) {
    scene.released.clear();
    queue.Begin(true);
    for (std::size_t p = scene.parameters.size(); p-- > 0;) queue.OnGradient(p);
    queue.OnGradient(last);  // Once more, at the very end.
    CHECK(scene.released.empty());
    queue.Finish();
    CHECK(scene.released == AllInOrder(scene));
  }
}

TEST_CASE("A gradient that comes after its bucket has left is an error") {
  Scene scene;
  BucketQueue queue(scene.layout, scene.parameters, [](std::size_t) {});
  queue.Begin(true);
  queue.Finish();
  queue.Begin(true);
  for (std::size_t p = scene.parameters.size(); p-- > 0;) queue.OnGradient(p);
  CHECK_THROWS_AS(queue.OnGradient(2), Error);
}

TEST_CASE("Shards and buckets tile the buffer on block borders, for any number of ranks") {
  for (std::size_t parameters : {std::size_t{16}, kBlock, kBlock + 16, 37 * kBlock + 48}) {
    for (int ranks : {1, 2, 3, 5, 64}) {
      const GradientLayout layout = LayOut(parameters, 4, ranks, 3 * kBlock);
      std::size_t at = 0;
      for (const ParameterRange& shard : layout.shards) {
        CHECK(shard.first == at);
        CHECK((shard.last % kBlock == 0 || shard.last == parameters));
        at = shard.last;
      }
      CHECK(at == parameters);
      for (const ParameterRange& bucket : layout.buckets) {
        CHECK(bucket.last == at);
        CHECK_FALSE(bucket.empty());
        at = bucket.first;
        std::size_t pieces = 0;
        for (int rank = 0; rank < ranks; ++rank)
          pieces += layout.Piece(std::size_t(&bucket - layout.buckets.data()), rank).size();
        CHECK(pieces == bucket.size());
      }
      CHECK(at == 0);
    }
  }
}

}  // namespace
}  // namespace gradus
