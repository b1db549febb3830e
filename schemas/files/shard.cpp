#include "schemas/files/shard.h"

#include <algorithm>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/files/columns.h"
#include "schemas/files/content_hash.h"

namespace gradus {
namespace {

const Schema& ShardSchema() {
  static const Schema schema{"gradus.shard", {1, 0}};
  return schema;
}

// The columns in the order in which they stand in the file.

// `to_key` leads from a row to its key.
template <class Columns, class... Members>
void KeyColumns(Columns& columns, Members... to_key) {
  columns("/trees/round", to_key..., &Key::round);
  columns("/trees/phase", to_key..., &Key::phase);
  columns("/trees/problem", to_key..., &Key::problem);
  columns("/trees/attempt", to_key..., &Key::attempt);
}

template <class Columns>
void TreeColumns(Columns& columns) {
  columns("/trees/seed", &Tree::seed);
  columns("/trees/tokens_generated", &Tree::cost, &SearchCost::tokens_generated);
  columns("/trees/tokens_scored", &Tree::cost, &SearchCost::tokens_scored);
  columns("/trees/programs", &Tree::cost, &SearchCost::programs);
  columns("/trees/rollouts", &Tree::cost, &SearchCost::rollouts);
}

template <class Columns>
void NodeColumns(Columns& columns) {
  columns("/nodes/parent", &Node::parent);
  columns("/nodes/depth", &Node::depth);
  columns("/nodes/kind", &Node::kind);
  columns("/nodes/verdict", &Node::judgement, &Judgement::verdict);
  columns("/nodes/q_sum", &Node::q_sum);
  columns("/nodes/visits", &Node::visits);
  columns("/nodes/ppm", &Node::ppm);
  columns("/nodes/has_ppm", &Node::has_ppm);
  columns("/nodes/expanded", &Node::expanded);
  columns("/nodes/closed", &Node::closed);
  columns("/nodes/samples", &Node::samples);
  columns("/tokens/step", &Node::tokens);
  columns("/tokens/logprob", &Node::logprobs);
  columns("/tokens/output", &Node::output_tokens);
}

template <class Columns>
void TreeTextColumns(Columns& columns) {
  columns("/text/tree/problem_id", &Tree::problem_id);
  columns("/text/tree/method", &Tree::method);
  columns("/text/tree/policy_digest", &Tree::policy_digest);
  columns("/text/tree/ppm_digest", &Tree::ppm_digest);
  columns("/text/tree/prompt_digest", &Tree::prompt_digest);
  columns("/text/tree/verifier", &Tree::verifier);
}

template <class Columns>
void NodeTextColumns(Columns& columns) {
  columns("/text/node/text", &Node::text);
  columns("/text/node/output", &Node::output);
  columns("/text/node/answer", &Node::answer);
  columns("/text/node/reason", &Node::judgement, &Judgement::reason);
  columns("/text/node/exec_outcome", &Node::exec_outcome);
}

template <class Columns>
void TimingColumns(Columns& columns) {
  columns("/timing/search_s", &Tree::cost, &SearchCost::search_s);
  columns("/timing/generate_s", &Tree::cost, &SearchCost::generate_s);
  columns("/timing/execute_s", &Tree::cost, &SearchCost::execute_s);
  columns("/timing/score_s", &Tree::cost, &SearchCost::score_s);
  columns("/timing/finished_unix_s", &Tree::cost, &SearchCost::finished_unix_s);
  columns("/timing/rank", &Tree::cost, &SearchCost::rank);
  columns("/timing/host", &Tree::cost, &SearchCost::host);
}

// The nodes of all trees, in order.
template <class Trees>
auto AllNodes(Trees& trees) {
  std::vector<decltype(&trees.front().nodes.front())> nodes;
  for (auto& tree : trees) {
    for (auto& node : tree.nodes) nodes.push_back(&node);
  }
  return nodes;
}

// Shards are sorted by key and hold a key once; a caller that breaks this has a bug.
bool IsSorted(const std::vector<Key>& keys) {
  return std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>()) == keys.end();
}

std::string MakeShard(const std::string& run_id, const std::vector<Tree>& trees,
                      const ShardSummary& summary) {
  Hdf5Writer out(ShardSchema());
  out.SetText("run_id", run_id);
  out.SetText("content_digest", summary.content_digest);
  out.SetCount("n_trees", summary.trees);
  out.SetCount("n_nodes", summary.nodes);
  const auto nodes = AllNodes(trees);
  ColumnWriter of_trees(out, trees);
  ColumnWriter of_nodes(out, nodes);
  KeyColumns(of_trees, &Tree::key);
  TreeColumns(of_trees);
  std::vector<std::uint64_t> first_node{0};
  for (const Tree& tree : trees) first_node.push_back(first_node.back() + tree.nodes.size());
  out.Put("/trees/node_offsets", first_node);
  NodeColumns(of_nodes);
  TreeTextColumns(of_trees);
  NodeTextColumns(of_nodes);
  TimingColumns(of_trees);
  return out.Take();
}

// The bytes hold these trees, clock times included.
bool ReadsBack(const std::string& bytes, const std::string& origin,
               const std::vector<Tree>& trees) {
  ShardReader in(bytes, origin);
  for (const Tree& tree : trees) {
    const std::optional<Tree> read = in.Next();
    if (!read || SerializeTree(*read) != SerializeTree(tree)) return false;
  }
  return !in.Next();
}

}  // namespace

ShardSummary WriteShard(const std::filesystem::path& path, const std::string& run_id,
                        const std::vector<Tree>& trees) {
  ShardSummary summary;
  summary.file = path.filename();
  summary.trees = trees.size();
  std::vector<Key> keys;
  for (const Tree& tree : trees) {
    summary.nodes += tree.nodes.size();
    keys.push_back(tree.key);
  }
  Require(IsSorted(keys), "a shard's trees must be sorted by key, each key once");
  summary.content_digest = ContentDigest(trees);
  const std::string bytes = MakeShard(run_id, trees, summary);
  Require(ReadsBack(bytes, path.string(), trees),
          "a shard reads back differently from what was written");
  summary.bytes = bytes.size();
  summary.sha256 = Sha256(bytes);
  WriteFileAtomically(path, bytes);
  return summary;
}

ShardReader::ShardReader(const std::filesystem::path& path)
    : ShardReader(ReadFile(path), path.string()) {}

ShardReader::ShardReader(const std::string& bytes, const std::string& origin)
    : in_(bytes, origin, ShardSchema()) {
  ReadKeys();
  content_digest_ = in_.Text("content_digest");
  const RowRange all{0, keys_.size(), keys_.size()};
  first_node_ = in_.Get<std::uint64_t>("/trees/node_offsets", keys_.size() + 1);
  in_.CheckOffsets("/trees/node_offsets", first_node_, all, in_.Count("n_nodes"));
  if (keys_.empty()) CheckDigest();
}

void ShardReader::ReadKeys() {
  // The count is true before memory is spent on it.
  const auto rounds = in_.Get<std::uint32_t>("/trees/round", in_.Count("n_trees"));
  keys_.resize(rounds.size());
  ColumnReader columns(in_, keys_, {0, keys_.size(), keys_.size()});
  KeyColumns(columns);
  if (!IsSorted(keys_)) in_.Bad("its trees are not sorted by key");
}

std::size_t ShardReader::StretchAt(std::size_t first) const {
  std::size_t end = first + 1;
  while (end < keys_.size() && first_node_[end + 1] - first_node_[first] <= kStretchNodes) ++end;
  return end - first;
}

std::vector<Tree> ShardReader::ReadTrees(std::size_t first, std::size_t count) const {
  std::vector<Tree> trees(count);
  const std::uint64_t first_node = first_node_[first];
  const RowRange rows{first, count, keys_.size()};
  const RowRange node_rows{first_node, first_node_[first + count] - first_node, first_node_.back()};
  // The count is true before memory is spent on it.
  in_.Get<std::int32_t>("/nodes/parent", node_rows);
  for (std::size_t i = 0; i < count; ++i) {
    trees[i].nodes.resize(first_node_[first + i + 1] - first_node_[first + i]);
  }
  auto nodes = AllNodes(trees);
  ColumnReader of_trees(in_, trees, rows);
  ColumnReader of_nodes(in_, nodes, node_rows);
  KeyColumns(of_trees, &Tree::key);
  TreeColumns(of_trees);
  NodeColumns(of_nodes);
  TreeTextColumns(of_trees);
  NodeTextColumns(of_nodes);
  TimingColumns(of_trees);
  try {
    for (const Tree& tree : trees) CheckTree(tree);
  } catch (const Error& error) {
    in_.Bad(error.what());
  }
  return trees;
}

Tree ShardReader::At(std::size_t index) const { return std::move(ReadTrees(index, 1).front()); }

std::optional<Tree> ShardReader::Next() {
  if (stretch_.empty() && next_ < keys_.size()) {
    const std::size_t count = StretchAt(next_);
    stretch_ = ReadTrees(next_, count);
    next_ += count;
    for (const Tree& tree : stretch_) hash_.Add(tree);
    if (next_ == keys_.size()) CheckDigest();
    std::reverse(stretch_.begin(), stretch_.end());
  }
  if (stretch_.empty()) return std::nullopt;
  Tree tree = std::move(stretch_.back());
  stretch_.pop_back();
  return tree;
}

std::optional<Key> ShardReader::NextKey() const {
  const std::size_t given = next_ - stretch_.size();
  return given < keys_.size() ? std::optional(keys_[given]) : std::nullopt;
}

void ShardReader::CheckDigest() {
  if (hash_.Digest() != content_digest_) {
    in_.Bad("its content does not match its content digest");
  }
}

std::vector<Tree> ReadShard(const std::filesystem::path& path) {
  ShardReader in(path);
  std::vector<Tree> trees;
  while (std::optional<Tree> tree = in.Next()) trees.push_back(std::move(*tree));
  return trees;
}

}  // namespace gradus
