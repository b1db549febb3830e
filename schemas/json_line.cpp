#include "schemas/json_line.h"

#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

using nlohmann::json;

// Deeper nesting than any line needs; the values of ignored keys are walked too.
constexpr int kMaxDepth = 256;

// Collects the top-level keys of one object while the text is read, without building a document.
class Collector final : public nlohmann::json_sax<json> {
 public:
  explicit Collector(std::map<std::string, JsonLine::Value>& values) : values_(values) {}
  const std::string& fault() const { return fault_; }

  bool null() override { return Add({JsonLine::Kind::kOther, "null", {}}); }
  bool boolean(bool) override { return Add({}); }
  bool number_integer(number_integer_t value) override { return Number(std::to_string(value)); }
  bool number_unsigned(number_unsigned_t value) override { return Number(std::to_string(value)); }
  bool number_float(number_float_t, const string_t& text) override { return Number(text); }
  bool string(string_t& text) override {
    if (depth_ == 2 && in_array_) current_.items.push_back(text);
    return Add({JsonLine::Kind::kString, text, {}});
  }
  bool binary(binary_t&) override { return Stop("binary data"); }
  bool start_object(std::size_t) override { return Open(false); }
  bool end_object() override { return Close(); }
  bool start_array(std::size_t) override { return Open(true); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (depth_ != 1) return true;
    key_ = name;
    if (values_.count(name) != 0) return Stop(fmt::format("key \"{}\" is given twice", name));
    return true;
  }
  bool parse_error(std::size_t position, const std::string& last,
                   const json::exception& error) override {
    const std::string_view what = error.what();
    if (what.find("UTF-8") != std::string_view::npos) {
      return Stop(fmt::format("invalid UTF-8 at byte {}", position));
    }
    return Stop(fmt::format("not valid JSON at byte {}{}", position,
                            what.find("end of input") != std::string_view::npos
                                ? ": the line ends too early"
                                : ": near '" + last.substr(0, 40) + "'"));
  }

 private:
  bool Stop(std::string fault) {
    fault_ = std::move(fault);
    return false;
  }
  bool Number(std::string text) { return Add({JsonLine::Kind::kNumber, std::move(text), {}}); }
  bool Add(JsonLine::Value value) {
    if (depth_ == 0) return Stop("not a JSON object");
    if (depth_ == 1) values_[key_] = std::move(value);
    if (depth_ == 2 && value.kind != JsonLine::Kind::kString) strings_only_ = false;
    return true;
  }
  bool Open(bool array) {
    if (depth_ == 0 && array) return Stop("not a JSON object");
    if (depth_ >= kMaxDepth) return Stop("nested too deeply");
    if (depth_ == 1) {
      in_array_ = strings_only_ = array;
      current_ = {};
    } else if (depth_ == 2) {
      strings_only_ = false;
    }
    ++depth_;
    return true;
  }
  bool Close() {
    --depth_;
    if (depth_ != 1) return true;
    current_.kind = strings_only_ ? JsonLine::Kind::kStrings : JsonLine::Kind::kOther;
    values_[key_] = std::move(current_);
    in_array_ = false;
    return true;
  }

  std::map<std::string, JsonLine::Value>& values_;
  std::string key_, fault_;
  JsonLine::Value current_;  // The array or object being read directly below the top level.
  int depth_ = 0;
  bool in_array_ = false, strings_only_ = false;
};

}  // namespace

JsonLine::JsonLine(std::string_view text, const std::string& where) : where_(where), line_(text) {
  Collector collector(values_);
  if (!json::sax_parse(text.begin(), text.end(), &collector)) {
    Fail("{}: {}; expected one JSON object a line", where_, collector.fault());
  }
}

const JsonLine::Value* JsonLine::Find(const std::string& key) const {
  const auto found = values_.find(key);
  if (found == values_.end()) return nullptr;
  const bool is_null = found->second.kind == Kind::kOther && found->second.text == "null";
  return is_null ? nullptr : &found->second;
}

std::string JsonLine::Required(const std::string& key, bool number_too) const {
  const std::string text = Optional(key, number_too);
  if (Find(key) == nullptr) {
    std::string names;
    for (const auto& [name, unused] : values_) names += (names.empty() ? "" : ", ") + name;
    Fail("{}: key \"{}\" is missing (keys here: {}); add it or convert the file", where_, key,
         names.empty() ? "none" : names);
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    Fail("{}: \"{}\" is empty", where_, key);
  }
  return text;
}

std::string JsonLine::Optional(const std::string& key, bool number_too) const {
  const Value* value = Find(key);
  if (value == nullptr) return "";
  const bool fits = value->kind == Kind::kString || (number_too && value->kind == Kind::kNumber);
  if (!fits) Fail("{}: \"{}\" must be a string{}", where_, key, number_too ? " or a number" : "");
  return value->text;
}

std::string JsonLine::Text(const std::string& key) const { return Required(key, false); }
std::string JsonLine::TextOrNumber(const std::string& key) const { return Required(key, true); }
std::string JsonLine::OptionalText(const std::string& key) const { return Optional(key, false); }
std::string JsonLine::OptionalTextOrNumber(const std::string& key) const {
  return Optional(key, true);
}

std::string JsonLine::OptionalJson(const std::string& key) const {
  return Find(key) == nullptr ? "" : json::parse(line_).at(key).dump();
}

std::vector<std::string> JsonLine::OptionalTexts(const std::string& key) const {
  const Value* value = Find(key);
  if (value == nullptr) return {};
  if (value->kind != Kind::kStrings) Fail("{}: \"{}\" must be an array of strings", where_, key);
  return value->items;
}

void ForEachJsonLine(const std::filesystem::path& path,
                     const std::function<void(const JsonLine&, const std::string&)>& visit) {
  const std::string bytes = ReadFile(path);
  std::size_t line_number = 0, visited = 0;
  for (std::size_t from = 0; from < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\n', from), bytes.size());
    const std::string_view line(bytes.data() + from, end - from);
    from = end + 1;
    ++line_number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const std::string where = fmt::format("{}:{}", path.string(), line_number);
    visit(JsonLine(line, where), where);
    ++visited;
  }
  if (visited == 0) Fail("{}: the file is empty; expected one JSON object a line", path.string());
}

}  // namespace gradus
