// libFuzzer target: any bytes as model.safetensors, and any as config.json, are one Error or values
// that can be read. The first byte chooses. Start from copies of the files in
// tests/workers/models/golden with a byte 0 or 1 put before.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "workers/models/decoder_parts.h"
#include "workers/models/folder_weights.h"
#include "workers/models/model_config.h"

namespace {

void ReadWeights(const gradus::fs::path& folder) {
  const gradus::FolderWeights weights(folder);
  for (const std::string& name : weights.Names()) {
    const gradus::StoredTensor& tensor = weights.At(name);
    std::vector<float> values(static_cast<std::size_t>(tensor.Elements()));
    gradus::CopyToFloat(tensor, name, values.data());
  }
}

void ReadConfig(const gradus::fs::path& folder) {
  const gradus::ModelConfig config = gradus::ReadModelConfig(folder);
  for (int table = 0; table < config.rope.tables(); ++table) {
    if (config.rope.dims < 4096) (void)gradus::RopeFrequencies(config.rope, table);
  }
  if (config.num_layers < 1000) (void)gradus::DecoderParameters(config);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace gradus;
  static const TempFolder kScratch;
  if (size == 0) return 0;
  const std::string_view content(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const bool weights = bytes[0] % 2 == 0;
  WriteFileAtomically(kScratch / (weights ? "model.safetensors" : "config.json"), content);
  try {
    weights ? ReadWeights(kScratch / ".") : ReadConfig(kScratch / ".");
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput) std::abort();
  }
  return 0;
}
