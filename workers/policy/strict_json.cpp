#include "workers/policy/strict_json.h"

#include <set>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

template <class Value>
Value Parse(std::string_view text, const std::string& origin) {
  std::vector<std::set<std::string>> open;
  const auto check = [&](int, typename Value::parse_event_t event, Value& parsed) {
    if (event == Value::parse_event_t::object_start) open.emplace_back();
    if (event == Value::parse_event_t::object_end) open.pop_back();
    if (event == Value::parse_event_t::key &&
        !open.back().insert(parsed.template get<std::string>()).second) {
      Fail("{}: duplicate key {}", origin, parsed.template get<std::string>());
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

OrderedJson ReadOrderedJson(const std::filesystem::path& path) {
  return Parse<OrderedJson>(ReadFile(path), path.string());
}

}  // namespace gradus
