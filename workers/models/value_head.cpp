#include "workers/models/value_head.h"

#include "schemas/base/error.h"
#include "workers/models/decoder_parts.h"
#include "workers/models/safetensors.h"

namespace gradus {

std::optional<ValueHead> ReadValueHead(const std::filesystem::path& folder, int hidden_size) {
  const std::filesystem::path path = folder / kValueHeadFile;
  if (!std::filesystem::exists(path)) return {};
  const SafetensorsFile file(path);
  const auto read = [&](const char* name, std::int64_t count, float* out) {
    const auto found = file.tensors().find(name);
    if (found == file.tensors().end() || found->second.Elements() != count) {
      Fail("{}: {} is missing or has the wrong shape", path.string(), name);
    }
    CopyToFloat(found->second, name, out);
  };
  ValueHead head;
  head.weight.resize(static_cast<std::size_t>(hidden_size));
  read(kValueWeightName, hidden_size, head.weight.data());
  read(kValueBiasName, 1, &head.bias);
  return head;
}

}  // namespace gradus
