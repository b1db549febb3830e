#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "schemas/files/content_hash.h"
#include "schemas/files/hdf5_file.h"
#include "schemas/tree.h"

namespace gradus {

// What a sealed shard is known by.
struct ShardSummary {
  std::string file;  // Name inside the round's shards/ folder.
  std::uint64_t bytes = 0;
  std::string sha256;          // Of the whole file.
  std::string content_digest;  // Of the content without /timing.
  std::uint64_t trees = 0, nodes = 0;
};

// An immutable HDF5 file of trees sorted by key (docs/file-formats.md). Written under a temporary
// name, re-read and compared, fsynced, renamed. HDF5 is used from one thread at a time.
ShardSummary WriteShard(const std::filesystem::path& path, const std::string& run_id,
                        const std::vector<Tree>& trees);

// Reads a shard's trees one after the other. In memory are the packed bytes of the file and a few
// unpacked trees: a stretch of them up to kStretchNodes nodes, or a single larger one. Everything
// throws Error naming the file. Holds the turn of EnterHdf5 while it lives.
class ShardReader {
 public:
  static constexpr std::uint64_t kStretchNodes = 2048;

  // Checks schema name and version, the digest of the bytes, and that keys rise.
  explicit ShardReader(const std::filesystem::path& path);
  ShardReader(const std::string& bytes, const std::string& origin);

  const std::vector<Key>& keys() const { return keys_; }
  // As the file has it. Next checks that it is true.
  const std::string& content_digest() const { return content_digest_; }
  // The next tree, in key order; nothing at the end. The last one comes only when the content
  // digest of all is right; so what a caller made of the trees before is good once nothing was
  // thrown.
  std::optional<Tree> Next();
  // Its key.
  std::optional<Key> NextKey() const;
  // Tree number `index` alone. REQUIRES: index < keys().size().
  Tree At(std::size_t index) const;

 private:
  void ReadKeys();
  void CheckDigest();
  std::vector<Tree> ReadTrees(std::size_t first, std::size_t count) const;
  std::size_t StretchAt(std::size_t first) const;

  Hdf5Reader in_;
  std::vector<Key> keys_;
  std::vector<std::uint64_t> first_node_;  // Of each tree, and the number of all nodes.
  std::string content_digest_;
  ContentHash hash_;           // Of the trees that were read in order.
  std::vector<Tree> stretch_;  // Unpacked and not given out yet, the next one last.
  std::size_t next_ = 0;       // First tree that is not unpacked yet.
};

// All of a shard's trees at once.
std::vector<Tree> ReadShard(const std::filesystem::path& path);

}  // namespace gradus
