#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace gradus {

using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;  // Keeps the file's key order.

// One JSON object; throws Error naming `origin` on malformed text, duplicate keys, nesting deeper
// than 4096 or another kind of value.
Json ParseStrictJson(std::string_view text, const std::string& origin);

// What a component of a file says; null where `json` is no object or lacks the key.
const Json& MemberOf(const Json& json, const char* key);
std::string TypeOf(const Json& json);  // Its "type", "" where it has none.
// These throw Error naming `origin` and the key where the value is of another kind.
std::string TextIn(const Json& json, const char* key, const std::string& origin);
bool FlagIn(const Json& json, const char* key, bool otherwise, const std::string& origin);
const Json& ListIn(const Json& json, const char* key, const std::string& origin);

// `json` as a token id; `what` names it in the Error.
std::int32_t TokenIdFrom(const Json& json, std::string_view what, const std::string& origin);

// ParseStrictJson for a file, keeping the order of keys for writing back.
OrderedJson ReadOrderedJson(const std::filesystem::path& path);

}  // namespace gradus
