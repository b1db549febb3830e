#include "schemas/files/run_files.h"

#include "schemas/base/error.h"

namespace gradus {

std::filesystem::path RunFiles::Round(RoundIndex round) const {
  return root / "rounds" / fmt::format("{:04}", round);
}

}  // namespace gradus
