#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gradus {

// A parsed YAML document in which every node knows where it was written, so that a file and
// overrides can be merged and an error still names the line or the override at fault.
struct YamlTree {
  enum class Kind { kNull, kScalar, kList, kMap };
  struct Entry;

  Kind kind = Kind::kNull;
  std::string scalar;
  bool quoted = false;  // Written in quotes: text, whatever it looks like.
  std::string where;    // "file.yaml:12" or "override 'a.b=3'".
  std::vector<YamlTree> items;
  std::vector<Entry> entries;  // Unique keys, in the order written.

  Entry* Find(std::string_view key);
  const Entry* Find(std::string_view key) const;
  // Maps merge key by key; anything else is replaced by `over`.
  void Merge(YamlTree over);
};

struct YamlTree::Entry {
  std::string key;
  std::string where;
  YamlTree value;
};

// Parses one document. Throws Error on bad syntax, duplicate or non-scalar keys, several documents.
YamlTree ParseYamlFile(const std::string& text, const std::string& origin);

// Parses "a.b=value", where the value is YAML, into the maps {a: {b: value}}.
YamlTree ParseYamlOverride(std::string_view key_equals_value);

}  // namespace gradus
