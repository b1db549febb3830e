#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gradus {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // Keeps the file's key order.

// One JSON object; throws Error naming `origin` on malformed text, duplicate keys or another kind
// of value.
Json ParseStrictJson(std::string_view text, const std::string& origin);

// The same for a file, keeping the order of keys for writing back.
OrderedJson ReadOrderedJson(const std::filesystem::path& path);

}  // namespace gradus
