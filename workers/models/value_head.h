#pragma once
#include <filesystem>
#include <optional>
#include <vector>

namespace gradus {

// The scalar head of a process preference model, on the last token's final hidden state.
struct ValueHead {
  std::vector<float> weight;  // [hidden]
  float bias = 0;
};

// Reads value_head.safetensors of a folder; nothing: the folder holds a policy. Throws Error that
// names the file when a tensor is missing or has another size.
std::optional<ValueHead> ReadValueHead(const std::filesystem::path& folder, int hidden_size);

}  // namespace gradus
