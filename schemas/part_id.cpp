#include "schemas/part_id.h"

#include "schemas/base/error.h"

namespace gradus {

std::string ShardName(const std::string& part, std::size_t index) {
  return fmt::format("{}-{:06}.h5", part, index);
}

std::string PartOfShard(const std::string& file) { return file.substr(0, file.rfind('-')); }

}  // namespace gradus
