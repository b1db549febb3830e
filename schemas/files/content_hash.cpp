#include "schemas/files/content_hash.h"

#include "schemas/base/file.h"

namespace gradus {

void ContentHash::Add(const Tree& tree) { digests_.Add(Sha256(SerializeContent(tree))); }

std::string ContentDigest(const std::vector<Tree>& trees) {
  ContentHash hash;
  for (const Tree& tree : trees) hash.Add(tree);
  return hash.Digest();
}

}  // namespace gradus
