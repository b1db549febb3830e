#pragma once
#include <string>
#include <vector>

#include "schemas/base/sha256.h"
#include "schemas/tree.h"

namespace gradus {

// SHA-256 over all trees without `SearchCost` seconds, host, rank and times: equal on any number of
// ranks.
std::string ContentDigest(const std::vector<Tree>& trees);

// The same of trees that are seen one after the other.
class ContentHash {
 public:
  void Add(const Tree& tree);
  // Nothing may be added afterwards.
  std::string Digest() { return digests_.Hex(); }

 private:
  Sha256Stream digests_;  // Over the digests of the trees.
};

}  // namespace gradus
