#include "schemas/files/shard.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <deque>
#include <thread>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/content_hash.h"
#include "schemas/files/hdf5_file.h"
#include "tests/fakes/random_tree.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

void CheckEqual(const std::vector<Tree>& left, const std::vector<Tree>& right) {
  REQUIRE(left.size() == right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    CHECK(SerializeTree(left[i]) == SerializeTree(right[i]));
  }
}

std::string Fault(const fs::path& path) {
  try {
    ReadShard(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("Threads that write and read different shards at once get their own content") {
  TempFolder folder;
  constexpr std::uint32_t kThreads = 4;
  std::vector<int> wrong(kThreads, 0);
  std::vector<std::thread> threads;
  for (std::uint32_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const std::vector<Tree> trees = RandomTrees(100 + t).MakeMany(20 + t);
      const std::string digest = ContentDigest(trees);
      const fs::path path = folder.path() / (std::to_string(t) + ".h5");
      for (int pass = 0; pass < 10; ++pass) {
        WriteShard(path, "run", trees);
        if (ContentDigest(ReadShard(path)) != digest) ++wrong[t];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == std::vector<int>(kThreads, 0));
}

TEST_CASE("A shard gives back its trees, whatever their shape and number") {
  TempFolder folder;
  for (std::uint32_t count : {0, 1, 2, 7, 300}) {
    const std::vector<Tree> trees = RandomTrees(count + 1).MakeMany(count);
    const fs::path path = folder.path() / (std::to_string(count) + ".h5");
    const ShardSummary summary = WriteShard(path, "run", trees);
    CheckEqual(ReadShard(path), trees);
    CHECK(summary.trees == count);
    CHECK(summary.bytes == fs::file_size(path));
    CHECK(summary.sha256 == Sha256File(path));
    CHECK(summary.content_digest == ContentDigest(trees));
    CHECK(summary.file == path.filename());
  }
}

TEST_CASE("Equal trees give equal bytes; new timing changes the file but not its content digest") {
  TempFolder folder;
  RandomTrees random(3);
  std::vector<Tree> trees = random.MakeMany(50);
  const ShardSummary first = WriteShard(folder.path() / "a.h5", "run", trees);
  const ShardSummary again = WriteShard(folder.path() / "b.h5", "run", trees);
  CHECK(first.sha256 == again.sha256);
  for (Tree& tree : trees) random.SetTiming(tree);
  const ShardSummary later = WriteShard(folder.path() / "c.h5", "run", trees);
  CHECK(later.sha256 != first.sha256);
  CHECK(later.content_digest == first.content_digest);
}

TEST_CASE("A flipped byte anywhere in a shard is an error that names the file") {
  TempFolder folder;
  const fs::path path = folder.path() / "000000.h5";
  WriteShard(path, "run", RandomTrees(4).MakeMany(3));
  const std::string good = ReadFile(path);
  const std::size_t stride = good.size() / 400 + 1;
  for (std::size_t at = 0; at < good.size(); at += at < 512 ? 1 : stride) {
    std::string bytes = good;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << (at % 8)));
    WriteBytes(path, bytes);
    CHECK(Fault(path).find("000000.h5") != std::string::npos);
  }
  WriteBytes(path, good);
  CHECK(Fault(path) == "");
}

TEST_CASE("A shortened or lengthened shard is an error") {
  TempFolder folder;
  const fs::path path = folder.path() / "000000.h5";
  WriteShard(path, "run", RandomTrees(4).MakeMany(3));
  const std::string good = ReadFile(path);
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{511}, std::size_t{512},
                           std::size_t{513}, good.size() / 2, good.size() - 1}) {
    WriteBytes(path, good.substr(0, size));
    CHECK(Fault(path) != "");
  }
  WriteBytes(path, good + "x");
  CHECK(Fault(path) != "");
}

TEST_CASE("A shard that is out of order is a bug of its writer") {
  TempFolder folder;
  std::vector<Tree> trees = RandomTrees(5).MakeMany(3);
  std::swap(trees[0], trees[2]);
  CHECK_THROWS_AS(WriteShard(folder.path() / "a.h5", "run", trees), Error);
  trees[0] = trees[1];
  trees.pop_back();
  CHECK_THROWS_AS(WriteShard(folder.path() / "a.h5", "run", trees), Error);
  CHECK_FALSE(fs::exists(folder.path() / "a.h5"));
}

TEST_CASE("Other schemas and newer versions are refused by name") {
  TempFolder folder;
  const auto fault = [&](const char* name, SchemaVersion version) {
    Hdf5Writer out({name, version});
    WriteBytes(folder.path() / "x.h5", out.Take());
    return Fault(folder.path() / "x.h5");
  };
  CHECK(fault("gradus.sft", {1, 0}).find("gradus.sft") != std::string::npos);
  CHECK(fault("gradus.shard", {2, 0}).find("version 2.0") != std::string::npos);
  CHECK(fault("gradus.shard", {1, 1}).find("version 1.1") != std::string::npos);
  CHECK(fault("gradus.shard", {0, 9}).find("version 0.9") != std::string::npos);
  CHECK(fault("gradus.shard", {1, 0}).find("n_trees") != std::string::npos);
}

TEST_CASE("An HDF5 file's columns are checked before they are used") {
  Hdf5Writer out({"test", {1, 0}});
  out.Put("/a/numbers", std::vector<std::int32_t>{1, 2, 3});
  out.Put("/falling/values", std::vector<char>{'a', 'b', 'c'});
  out.Put("/falling/offsets", std::vector<std::uint64_t>{0, 2, 1, 3});
  out.Put("/beyond/values", std::vector<char>{'a', 'b', 'c'});
  out.Put("/beyond/offsets", std::vector<std::uint64_t>{0, 9});
  const std::string bytes = out.Take();
  const Hdf5Reader in(bytes, "x.h5", {"test", {1, 3}});
  CHECK(in.Get<std::int32_t>("/a/numbers", 3) == std::vector<std::int32_t>{1, 2, 3});
  CHECK_THROWS_AS(in.Get<std::int32_t>("/a/numbers", 2), Error);
  CHECK_THROWS_AS(in.Get<std::uint32_t>("/a/numbers", 3), Error);
  CHECK_THROWS_AS(in.Get<float>("/a/numbers", 3), Error);
  CHECK_THROWS_AS(in.Get<std::int32_t>("/a/absent", 3), Error);
  CHECK_THROWS_AS(in.Get<std::int32_t>("/a", 3), Error);
  CHECK_THROWS_AS(in.GetRagged<char>("/falling", {0, 3, 3}), Error);
  CHECK_THROWS_AS(in.GetRagged<char>("/beyond", {0, 1, 1}), Error);
  CHECK_THROWS_AS(in.Text("absent"), Error);
  CHECK_THROWS_AS(in.Text("schema_version"), Error);
  CHECK_THROWS_AS(in.Count("schema_version"), Error);
}

TEST_CASE("A stretch of a column is the same as that stretch of all of it") {
  Random random(9);
  Ragged<std::int32_t> rows;
  std::vector<std::uint16_t> numbers;
  for (int i = 0; i < 3000; ++i) {
    std::vector<std::int32_t> row(random.Below(40));
    for (std::int32_t& value : row) value = static_cast<std::int32_t>(random.Below(1u << 30));
    rows.Add(row);
    numbers.push_back(static_cast<std::uint16_t>(random.Below(60000)));
  }
  Hdf5Writer out({"test", {1, 0}});
  out.Put("/rows", rows);
  out.Put("/numbers", numbers);
  const std::string bytes = out.Take();
  const Hdf5Reader in(bytes, "x.h5", {"test", {1, 0}});
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t first = random.Below(3001), count = random.Below(3001 - first);
    const RowRange range{first, count, 3000};
    const Ragged<std::int32_t> some = in.GetRagged<std::int32_t>("/rows", range);
    const auto plain = in.Get<std::uint16_t>("/numbers", range);
    REQUIRE(some.size() == count);
    REQUIRE(plain.size() == count);
    for (std::uint64_t k = 0; k < count; ++k) {
      CHECK(some.Row(k) == rows.Row(first + k));
      CHECK(plain[k] == numbers[first + k]);
    }
  }
}

TEST_CASE("Offsets are checked in whatever stretches they are read") {
  Hdf5Writer out({"test", {1, 0}});
  out.Put("/late/values", std::vector<char>(4));
  out.Put("/late/offsets", std::vector<std::uint64_t>{1, 2, 4});
  out.Put("/short/values", std::vector<char>(4));
  out.Put("/short/offsets", std::vector<std::uint64_t>{0, 2, 3});
  out.Put("/far/values", std::vector<char>(4));
  out.Put("/far/offsets", std::vector<std::uint64_t>{0, 5, 4});
  const std::string bytes = out.Take();
  const Hdf5Reader in(bytes, "x.h5", {"test", {1, 0}});
  CHECK_THROWS_AS(in.GetRagged<char>("/late", {0, 1, 2}), Error);
  CHECK_THROWS_AS(in.GetRagged<char>("/short", {1, 1, 2}), Error);
  CHECK_THROWS_AS(in.GetRagged<char>("/far", {0, 1, 2}), Error);
  CHECK_THROWS_AS(in.GetRagged<char>("/far", {1, 1, 2}), Error);
}

TEST_CASE("Read one after the other, alone or all at once, a shard's trees are the same") {
  TempFolder folder;
  std::vector<Tree> trees = RandomTrees(7).MakeMany(1500);  // Several stretches.
  for (int i = 0; i < 5000; ++i) {                          // More than one stretch alone.
    Node node;
    node.parent = 0;
    node.depth = 1;
    node.kind = NodeKind::kStep;
    node.tokens = {i};
    trees[700].nodes.push_back(node);
  }
  WriteShard(folder.path() / "s.h5", "run", trees);
  CheckEqual(ReadShard(folder.path() / "s.h5"), trees);
  ShardReader in(folder.path() / "s.h5");
  REQUIRE(in.keys().size() == trees.size());
  for (std::size_t i = 0; i < trees.size(); ++i) {
    CHECK(in.keys()[i] == trees[i].key);
    REQUIRE(in.NextKey() == trees[i].key);
    REQUIRE(SerializeTree(*in.Next()) == SerializeTree(trees[i]));
    if (i % 97 == 0) CHECK(SerializeTree(in.At(i)) == SerializeTree(trees[i]));
  }
  CHECK_FALSE(in.NextKey());
  CHECK_FALSE(in.Next());
}

TEST_CASE("Shards that are open at once are not mixed up") {
  TempFolder folder;
  std::deque<ShardReader> open;
  std::vector<std::vector<Tree>> written;
  for (std::uint32_t i = 0; i < 4; ++i) {
    const fs::path path = folder.path() / (std::to_string(i) + ".h5");
    written.push_back(RandomTrees(i).MakeMany(10 + i));
    WriteShard(path, "run", written.back());
    open.emplace_back(path);
  }
  for (std::uint32_t tree = 0; tree < 10; ++tree) {
    for (std::uint32_t i = 0; i < 4; ++i)
      CHECK(SerializeTree(*open[i].Next()) == SerializeTree(written[i][tree]));
  }
}

TEST_CASE("Content that does not match its digest is an error before the last tree is given") {
  TempFolder folder;
  for (std::uint32_t count : {0, 1, 1500}) {
    const std::vector<Tree> trees = RandomTrees(8).MakeMany(count);
    const fs::path path = folder.path() / "s.h5";
    const ShardSummary summary = WriteShard(path, "run", trees);
    // A whole file of another hand: its own bytes are in order.
    std::string image = ReadFile(path).substr(512);
    image[image.find(summary.content_digest)] ^= 1;
    std::string block =
        fmt::format("gradus-hdf5 1\nsha256 {}\nbytes {}\n", Sha256(image), image.size());
    block.resize(512, '\0');
    WriteBytes(path, block + image);
    std::size_t given = 0;
    std::string message;
    try {
      ShardReader in(path);
      while (in.Next()) ++given;
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK(message.find("content digest") != std::string::npos);
    CHECK(given < std::max(count, 1u));
  }
}

TEST_CASE("h5py reads a shard as the format page describes it" *
          doctest::test_suite("needs h5py")) {
  if (std::system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) {
    MESSAGE("skipped: /usr/bin/python3 has no h5py");
    return;
  }
  TempFolder folder;
  RandomTrees random(6);
  std::vector<Tree> trees = random.MakeMany(40);
  trees[39].nodes[0].text = "What is 6 · 7?";
  trees[39].nodes[0].tokens = {5, 6, 7};
  const ShardSummary summary = WriteShard(folder.path() / "s.h5", "run-1", trees);
  std::uint64_t first = 0;
  for (std::size_t i = 0; i < 39; ++i) first += trees[i].nodes.size();
  const std::string script = fmt::format(
      R"(
import h5py, numpy as np
f = h5py.File({:?}, "r")
assert sorted(f) == ["nodes", "text", "timing", "tokens", "trees"], list(f)
assert f.attrs["schema_name"] in (b"gradus.shard", "gradus.shard"), f.attrs["schema_name"]
assert list(f.attrs["schema_version"]) == [1, 0]
assert f.attrs["content_digest"] in (b"{}", "{}")
assert f.attrs["n_trees"] == 40 and f.attrs["n_nodes"] == {}
layout = {{}}
f.visititems(lambda name, item: layout.update({{name: item.dtype.str}}) if isinstance(item, h5py.Dataset) else None)
expected = dict(line.split() for line in open({:?}))
assert layout == expected, set(layout.items()) ^ set(expected.items())
node = int(f["trees/node_offsets"][39])
assert node == {}
def row(path, i):
    a, b = f[path + "/offsets"][i:i + 2]
    return f[path + "/values"][a:b]
assert bytes(row("text/node/text", node)).decode() == "What is 6 · 7?"
assert list(row("tokens/step", node)) == [5, 6, 7]
assert f["trees/problem"][39] == 39
)",
      (folder.path() / "s.h5").string(), summary.content_digest, summary.content_digest,
      summary.nodes, std::string(GRADUS_SOURCE_DIR "/tests/schemas/files/shard_layout.txt"), first);
  WriteBytes(folder.path() / "check.py", script);
  const std::string command = "/usr/bin/python3 " + (folder.path() / "check.py").string();
  CHECK(std::system(command.c_str()) == 0);
}

}  // namespace gradus
