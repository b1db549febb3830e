#include "schemas/base/settings.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "schemas/base/error.h"
#include "schemas/base/yaml_tree.h"

namespace gradus {
namespace {

using Kind = YamlTree::Kind;

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, change}));
    }
  }
  return row[b.size()];
}

// "; did you mean 'x'?" for the nearest of `known`, or nothing when none is near.
std::string Suggestion(const std::string& word, const std::vector<std::string>& known) {
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  const std::string* nearest = nullptr;
  for (const std::string& candidate : known) {
    const std::size_t distance = EditDistance(word, candidate);
    if (distance < best && distance < candidate.size()) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest ? fmt::format("; did you mean '{}'?", *nearest) : "";
}

template <class T>
std::optional<T> ParseNumber(std::string_view text) {
  if constexpr (std::is_floating_point_v<T>) {
    if (text == ".inf" || text == "+.inf") return std::numeric_limits<T>::infinity();
    if (text == "-.inf") return -std::numeric_limits<T>::infinity();
  }
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T value{};
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<T>) {
    // from_chars also takes "inf" and "nan", which are words in YAML.
    if (!std::isfinite(value)) return std::nullopt;
  }
  return value;
}

std::string RangeText(Range range) {
  if (std::isinf(range.high)) return fmt::format("at least {}", range.low);
  if (std::isinf(range.low)) return fmt::format("at most {}", range.high);
  return fmt::format("between {} and {}", range.low, range.high);
}

class MapReader : public Settings {
 public:
  MapReader(const YamlTree& map, std::string path) : map_(map), path_(std::move(path)) {}

  void Field(const char* key, bool& value, const char*) override {
    const YamlTree* node = Ask(key);
    if (!node) return;
    const std::string& text = Scalar(key, *node, "true or false");
    if (node->quoted || (text != "true" && text != "false")) Wrong(key, *node, "true or false");
    value = text == "true";
  }

  void Field(const char* key, int& value, Range range, const char*) override {
    if (const YamlTree* node = Ask(key)) value = Number<int>(key, *node, range);
  }

  void Field(const char* key, std::uint64_t& value, const char*) override {
    if (const YamlTree* node = Ask(key)) value = Number<std::uint64_t>(key, *node, {});
  }

  void Field(const char* key, double& value, Range range, const char*) override {
    if (const YamlTree* node = Ask(key)) value = Number<double>(key, *node, range);
  }

  void Field(const char* key, std::string& value, const char*) override {
    if (const YamlTree* node = Ask(key)) value = Scalar(key, *node, "text");
  }

  void Field(const char* key, std::vector<std::string>& value, const char*) override {
    const YamlTree* node = Ask(key);
    if (!node) return;
    value.clear();
    for (const YamlTree* item : Items(*node))
      value.push_back(Scalar(key, *item, "a list of texts"));
  }

  void Field(const char* key, PerRound<int>& value, Range range, const char*) override {
    ReadPerRound(key, value.values, range);
  }

  void Field(const char* key, PerRound<double>& value, Range range, const char*) override {
    ReadPerRound(key, value.values, range);
  }

  void Names(const char* key, std::vector<int>& value, const std::vector<std::string>& names,
             bool scalar, const char*) override {
    const YamlTree* node = Ask(key);
    if (!node) return;
    const std::string wanted = fmt::format("one of {}", fmt::join(names, ", "));
    if (scalar) Scalar(key, *node, wanted);
    RejectEmptyList(key, *node);
    value.clear();
    for (const YamlTree* item : Items(*node)) {
      const std::string& name = Scalar(key, *item, wanted);
      const auto found = std::find(names.begin(), names.end(), name);
      if (found == names.end()) Wrong(key, *item, wanted, Suggestion(name, names));
      value.push_back(static_cast<int>(found - names.begin()));
    }
  }

  void Finish() override {
    for (const YamlTree::Entry& entry : map_.entries) {
      if (std::find(asked_.begin(), asked_.end(), entry.key) != asked_.end()) continue;
      Fail("{}: unknown key '{}'{}{}", entry.where, entry.key, In(), Suggestion(entry.key, asked_));
    }
  }

 protected:
  std::unique_ptr<Settings> Enter(const char* key, const char*) override {
    static const YamlTree kEmpty;
    const YamlTree* node = Ask(key);
    if (!node) node = &kEmpty;
    if (node->kind != Kind::kMap && node->kind != Kind::kNull) {
      Fail("{}: '{}'{} must be a section of 'key: value' lines", node->where, key, In());
    }
    return std::make_unique<MapReader>(*node, path_.empty() ? key : path_ + "." + key);
  }

 private:
  const YamlTree* Ask(const char* key) {
    asked_.emplace_back(key);
    const YamlTree::Entry* entry = map_.Find(key);
    return entry ? &entry->value : nullptr;
  }

  std::string In() const { return path_.empty() ? "" : fmt::format(" in '{}'", path_); }

  [[noreturn]] void Wrong(const char* key, const YamlTree& node, std::string_view wanted,
                          const std::string& hint = "") const {
    const char* got = node.kind == Kind::kNull   ? "nothing"
                      : node.kind == Kind::kList ? "a list"
                      : node.kind == Kind::kMap  ? "a section"
                                                 : nullptr;
    Fail("{}: '{}'{} must be {}, not {}{}", node.where, key, In(), wanted,
         got ? got : fmt::format("'{}'", node.scalar), hint);
  }

  const std::string& Scalar(const char* key, const YamlTree& node, std::string_view wanted) const {
    if (node.kind != Kind::kScalar) Wrong(key, node, wanted);
    return node.scalar;
  }

  // The items of a list; anything else counts as a list of one.
  static std::vector<const YamlTree*> Items(const YamlTree& node) {
    if (node.kind != Kind::kList) return {&node};
    std::vector<const YamlTree*> items;
    for (const YamlTree& item : node.items) items.push_back(&item);
    return items;
  }

  void RejectEmptyList(const char* key, const YamlTree& node) const {
    if (node.kind == Kind::kList && node.items.empty()) {
      Fail("{}: '{}'{} is an empty list; give at least one value", node.where, key, In());
    }
  }

  template <class T>
  T Number(const char* key, const YamlTree& node, Range range) const {
    const char* wanted = std::is_floating_point_v<T> ? "a number"
                         : std::is_signed_v<T>       ? "a whole number"
                                                     : "a whole number from 0 to 2^64 - 1";
    const std::optional<T> value = ParseNumber<T>(Scalar(key, node, wanted));
    if (!value || node.quoted) Wrong(key, node, wanted);
    if (static_cast<double>(*value) < range.low || static_cast<double>(*value) > range.high) {
      Wrong(key, node, RangeText(range));
    }
    return *value;
  }

  template <class T>
  void ReadPerRound(const char* key, std::vector<T>& values, Range range) {
    const YamlTree* node = Ask(key);
    if (!node) return;
    RejectEmptyList(key, *node);
    values.clear();
    for (const YamlTree* item : Items(*node)) values.push_back(Number<T>(key, *item, range));
  }

  const YamlTree& map_;
  std::string path_;  // Dotted, empty at the top.
  std::vector<std::string> asked_;
};

}  // namespace

struct SettingsFile::Document {
  YamlTree root;
};

SettingsFile::SettingsFile(std::string text, std::string origin)
    : document_(std::make_unique<Document>(Document{ParseYamlFile(text, origin)})) {}
SettingsFile::~SettingsFile() = default;
SettingsFile::SettingsFile(SettingsFile&&) noexcept = default;

void SettingsFile::Override(std::string_view key_equals_value) {
  document_->root.Merge(ParseYamlOverride(key_equals_value));
}

std::string SettingsFile::Peek(const std::string& key) const {
  const YamlTree::Entry* entry = document_->root.Find(key);
  return entry && entry->value.kind == Kind::kScalar ? entry->value.scalar : std::string();
}

std::unique_ptr<Settings> SettingsFile::Reader() const {
  return std::make_unique<MapReader>(document_->root, std::string());
}

}  // namespace gradus
