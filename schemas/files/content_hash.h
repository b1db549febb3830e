#pragma once
#include <string>

#include "schemas/base/sha256.h"
#include "schemas/tree.h"

namespace gradus {

// ContentDigest of trees that are seen one after the other.
class ContentHash {
 public:
  void Add(const Tree& tree);
  // Nothing may be added afterwards.
  std::string Digest() { return digests_.Hex(); }

 private:
  Sha256Stream digests_;  // Over the digests of the trees.
};

}  // namespace gradus
