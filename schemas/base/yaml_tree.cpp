#include "schemas/base/yaml_tree.h"

#include <yaml-cpp/yaml.h>

#include "schemas/base/error.h"

namespace gradus {
namespace {

// Far above any configuration; aliases could otherwise unfold a short text without bound.
constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 100'000;

class TreeBuilder {
 public:
  // An override is one line, so it has no line numbers.
  TreeBuilder(std::string origin, bool lines) : origin_(std::move(origin)), lines_(lines) {}

  std::string Where(const YAML::Mark& mark) const {
    return lines_ ? fmt::format("{}:{}", origin_, mark.is_null() ? 1 : mark.line + 1) : origin_;
  }

  YamlTree Build(const YAML::Node& node, int depth = 0) {
    YamlTree tree;
    tree.where = Where(node.Mark());
    if (depth > kMaxDepth || ++nodes_ > kMaxNodes) Fail("{}: nested too deeply", tree.where);
    if (node.IsScalar()) {
      tree.kind = YamlTree::Kind::kScalar;
      tree.scalar = node.Scalar();
      tree.quoted = node.Tag() == "!";
    } else if (node.IsSequence()) {
      tree.kind = YamlTree::Kind::kList;
      for (const auto& item : node) tree.items.push_back(Build(item, depth + 1));
    } else if (node.IsMap()) {
      tree.kind = YamlTree::Kind::kMap;
      for (const auto& pair : node) AddEntry(tree, pair.first, pair.second, depth);
    }
    return tree;
  }

 private:
  void AddEntry(YamlTree& tree, const YAML::Node& key, const YAML::Node& value, int depth) {
    const std::string where = Where(key.Mark());
    if (!key.IsScalar()) Fail("{}: a key must be a plain word", where);
    if (const YamlTree::Entry* first = tree.Find(key.Scalar())) {
      Fail("{}: key '{}' was already given at {}", where, key.Scalar(), first->where);
    }
    tree.entries.push_back({key.Scalar(), where, Build(value, depth + 1)});
  }

  std::string origin_;
  bool lines_;
  int nodes_ = 0;
};

YamlTree Parse(const std::string& text, TreeBuilder builder) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      Fail("{}: a second document starts here; only one is read",
           builder.Where(documents[1].Mark()));
    }
    return builder.Build(documents.empty() ? YAML::Node() : documents[0]);
  } catch (const YAML::Exception& problem) {
    throw Error(fmt::format("{}: bad YAML: {}", builder.Where(problem.mark), problem.msg));
  }
}

}  // namespace

YamlTree::Entry* YamlTree::Find(std::string_view key) {
  for (Entry& entry : entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

const YamlTree::Entry* YamlTree::Find(std::string_view key) const {
  return const_cast<YamlTree*>(this)->Find(key);
}

void YamlTree::Merge(YamlTree over) {
  if (over.kind != Kind::kMap || (kind != Kind::kMap && kind != Kind::kNull)) {
    *this = std::move(over);
    return;
  }
  kind = Kind::kMap;
  for (Entry& entry : over.entries) {
    if (Entry* mine = Find(entry.key)) {
      mine->value.Merge(std::move(entry.value));
    } else {
      entries.push_back(std::move(entry));
    }
  }
}

YamlTree ParseYamlFile(const std::string& text, const std::string& origin) {
  YamlTree tree = Parse(text, TreeBuilder(origin, true));
  if (tree.kind != YamlTree::Kind::kMap && tree.kind != YamlTree::Kind::kNull) {
    Fail("{}: expected 'key: value' lines", tree.where);
  }
  return tree;
}

YamlTree ParseYamlOverride(std::string_view key_equals_value) {
  const std::string where = fmt::format("override '{}'", key_equals_value);
  const std::size_t equals = key_equals_value.find('=');
  if (equals == std::string_view::npos)
    Fail("{}: write it as key=value or section.key=value", where);
  YamlTree tree =
      Parse(std::string(key_equals_value.substr(equals + 1)), TreeBuilder(where, false));
  std::string_view path = key_equals_value.substr(0, equals);
  for (bool more = true; more;) {
    const std::size_t dot = path.rfind('.');
    more = dot != std::string_view::npos;
    const std::string_view key = more ? path.substr(dot + 1) : path;
    if (key.empty()) Fail("{}: a key is empty; write it as section.key=value", where);
    YamlTree map;
    map.kind = YamlTree::Kind::kMap;
    map.where = where;
    map.entries.push_back({std::string(key), where, std::move(tree)});
    tree = std::move(map);
    path = path.substr(0, more ? dot : 0);
  }
  return tree;
}

}  // namespace gradus
