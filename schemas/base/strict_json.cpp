#include "schemas/base/strict_json.h"

#include <unordered_set>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

// Deeper nesting than any file has; walking a document takes the stack as deep as it is nested.
constexpr int kMaxDepth = 4096;

// A name out of a file, in quotes and on one line.
std::string Quoted(const std::string& text) { return Json(text).dump(); }

template <class Value>
Value Parse(std::string_view text, const std::string& origin) {
  std::vector<std::unordered_set<std::string>> open;
  const auto check = [&](int depth, typename Value::parse_event_t event, Value& parsed) {
    if (depth > kMaxDepth) Fail("{}: nested too deeply", origin);
    if (event == Value::parse_event_t::object_start) open.emplace_back();
    if (event == Value::parse_event_t::object_end) open.pop_back();
    if (event == Value::parse_event_t::key &&
        !open.back().insert(parsed.template get<std::string>()).second) {
      Fail("{}: duplicate key {}", origin, Quoted(parsed.template get<std::string>()));
    }
    return true;
  };
  Value document;
  try {
    document = Value::parse(text, check);
  } catch (const nlohmann::json::exception& error) {
    Fail("{}: not valid JSON ({})", origin, error.what());
  }
  if (!document.is_object()) Fail("{}: not a JSON object", origin);
  return document;
}

}  // namespace

Json ParseStrictJson(std::string_view text, const std::string& origin) {
  return Parse<Json>(text, origin);
}

const Json& MemberOf(const Json& json, const char* key) {
  static const Json kNull;
  return json.is_object() && json.contains(key) ? json[key] : kNull;
}

std::string TypeOf(const Json& json) {
  const Json& type = MemberOf(json, "type");
  return type.is_string() ? type.get<std::string>() : "";
}

std::string TextIn(const Json& json, const char* key, const std::string& origin) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_string()) {
    Fail("{}: {} is missing or no text", origin, key);
  }
  return json[key].get<std::string>();
}

bool FlagIn(const Json& json, const char* key, bool otherwise, const std::string& origin) {
  if (!json.is_object() || !json.contains(key) || json[key].is_null()) return otherwise;
  if (!json[key].is_boolean()) Fail("{}: {} is neither true nor false", origin, key);
  return json[key].get<bool>();
}

const Json& ListIn(const Json& json, const char* key, const std::string& origin) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_array()) {
    Fail("{}: {} is missing or no list", origin, key);
  }
  return json[key];
}

std::int32_t TokenIdFrom(const Json& json, std::string_view what, const std::string& origin) {
  // Tables are indexed by id: a stray large one must not take the memory.
  constexpr std::uint64_t kLimit = 1u << 22;
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() >= kLimit) {
    Fail("{}: {} has the bad id {}", origin, what, json.dump());
  }
  return json.get<std::int32_t>();
}

OrderedJson ReadOrderedJson(const std::filesystem::path& path) {
  return Parse<OrderedJson>(ReadFile(path), path.string());
}

}  // namespace gradus
