#include "schemas/shard.h"

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "schemas/hdf5_file.h"

namespace gradus {
namespace {

const Schema& ShardSchema() {
  static const Schema schema{"gradus.shard", {1, 0}};
  return schema;
}

// One column of a table: a plain value of every row.
template <class Rows, class Get>
auto Column(const Rows& rows, Get get) {
  std::vector<decltype(get(rows[0]))> values;
  values.reserve(rows.size());
  for (const auto& row : rows) values.push_back(get(row));
  return values;
}

// One ragged column: a list or a text of every row.
template <class T, class Rows, class Get>
Ragged<T> RaggedColumn(const Rows& rows, Get get) {
  Ragged<T> lists;
  lists.offsets.reserve(rows.size() + 1);
  for (const auto& row : rows) lists.Add(get(row));
  return lists;
}

// The nodes of all trees, in order.
std::vector<const Node*> AllNodes(const std::vector<Tree>& trees) {
  std::vector<const Node*> nodes;
  for (const Tree& tree : trees) {
    for (const Node& node : tree.nodes) nodes.push_back(&node);
  }
  return nodes;
}

void PutTrees(Hdf5Writer& out, const std::vector<Tree>& trees) {
  const auto put = [&](const char* name, auto get) {
    out.Put(std::string("/trees/") + name, Column(trees, get));
  };
  put("round", [](const Tree& t) { return t.key.round; });
  put("phase", [](const Tree& t) { return static_cast<std::uint8_t>(t.key.phase); });
  put("problem", [](const Tree& t) { return t.key.problem; });
  put("attempt", [](const Tree& t) { return t.key.attempt; });
  put("seed", [](const Tree& t) { return t.seed; });
  put("tokens_generated", [](const Tree& t) { return t.cost.tokens_generated; });
  put("tokens_scored", [](const Tree& t) { return t.cost.tokens_scored; });
  put("programs", [](const Tree& t) { return t.cost.programs; });
  put("rollouts", [](const Tree& t) { return t.cost.rollouts; });
  std::vector<std::uint64_t> first_node{0};
  for (const Tree& tree : trees) first_node.push_back(first_node.back() + tree.nodes.size());
  out.Put("/trees/node_offsets", first_node);
}

void PutNodes(Hdf5Writer& out, const std::vector<const Node*>& nodes) {
  const auto put = [&](const char* name, auto get) {
    out.Put(std::string("/nodes/") + name, Column(nodes, get));
  };
  put("parent", [](const Node* n) { return n->parent; });
  put("depth", [](const Node* n) { return n->depth; });
  put("kind", [](const Node* n) { return static_cast<std::uint8_t>(n->kind); });
  put("verdict", [](const Node* n) { return static_cast<std::uint8_t>(n->judgement.verdict); });
  put("q_sum", [](const Node* n) { return n->q_sum; });
  put("visits", [](const Node* n) { return n->visits; });
  put("ppm", [](const Node* n) { return n->ppm; });
  put("has_ppm", [](const Node* n) { return std::uint8_t{n->has_ppm}; });
  put("expanded", [](const Node* n) { return std::uint8_t{n->expanded}; });
  put("closed", [](const Node* n) { return std::uint8_t{n->closed}; });
  put("samples", [](const Node* n) { return n->samples; });
}

void PutTokens(Hdf5Writer& out, const std::vector<const Node*>& nodes) {
  out.Put("/tokens/step", RaggedColumn<std::int32_t>(
                              nodes, [](const Node* n) -> auto& { return n->tokens; }));
  out.Put("/tokens/logprob", RaggedColumn<float>(
                                 nodes, [](const Node* n) -> auto& { return n->logprobs; }));
  out.Put("/tokens/output", RaggedColumn<std::int32_t>(
                                nodes, [](const Node* n) -> auto& { return n->output_tokens; }));
}

void PutText(Hdf5Writer& out, const std::vector<Tree>& trees,
             const std::vector<const Node*>& nodes) {
  const auto put_tree = [&](const char* name, auto get) {
    out.Put(std::string("/text/tree/") + name, RaggedColumn<char>(trees, get));
  };
  put_tree(
      "problem_id", [](const Tree& t) -> auto& { return t.problem_id; });
  put_tree(
      "method", [](const Tree& t) -> auto& { return t.method; });
  put_tree(
      "policy_digest", [](const Tree& t) -> auto& { return t.policy_digest; });
  put_tree(
      "ppm_digest", [](const Tree& t) -> auto& { return t.ppm_digest; });
  put_tree(
      "prompt_digest", [](const Tree& t) -> auto& { return t.prompt_digest; });
  put_tree(
      "verifier", [](const Tree& t) -> auto& { return t.verifier; });
  const auto put_node = [&](const char* name, auto get) {
    out.Put(std::string("/text/node/") + name, RaggedColumn<char>(nodes, get));
  };
  put_node(
      "text", [](const Node* n) -> auto& { return n->text; });
  put_node(
      "output", [](const Node* n) -> auto& { return n->output; });
  put_node(
      "answer", [](const Node* n) -> auto& { return n->answer; });
  put_node(
      "reason", [](const Node* n) -> auto& { return n->judgement.reason; });
  put_node(
      "exec_outcome", [](const Node* n) -> auto& { return n->exec_outcome; });
}

void PutTiming(Hdf5Writer& out, const std::vector<Tree>& trees) {
  const auto put = [&](const char* name, auto get) {
    out.Put(std::string("/timing/") + name, Column(trees, get));
  };
  put("search_s", [](const Tree& t) { return t.cost.search_s; });
  put("generate_s", [](const Tree& t) { return t.cost.generate_s; });
  put("execute_s", [](const Tree& t) { return t.cost.execute_s; });
  put("score_s", [](const Tree& t) { return t.cost.score_s; });
  put("finished_unix_s", [](const Tree& t) { return t.cost.finished_unix_s; });
  put("rank", [](const Tree& t) { return t.cost.rank; });
  out.Put("/timing/host", RaggedColumn<char>(
                              trees, [](const Tree& t) -> auto& { return t.cost.host; }));
}

// Sets a plain field of every row from a column.
template <class T, class Rows, class Set>
void TakeColumn(const Hdf5Reader& in, const std::string& path, Rows& rows, Set set) {
  const std::vector<T> values = in.Get<T>(path, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) set(rows[i], values[i]);
}

template <class T, class Rows, class Set>
void TakeRagged(const Hdf5Reader& in, const std::string& path, Rows& rows, Set set) {
  const Ragged<T> lists = in.GetRagged<T>(path, rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) set(rows[i]) = lists.Row(i);
}

// Stored flags are 0 or 1; any other value would be lost in a bool.
template <class Set>
void TakeFlags(const Hdf5Reader& in, const std::string& path, std::vector<Node*>& nodes, Set set) {
  TakeColumn<std::uint8_t>(in, path, nodes, [&](Node* node, std::uint8_t value) {
    if (value > 1) in.Bad(fmt::format("{} holds a flag of {}", path, value));
    set(node) = value == 1;
  });
}

void TakeTrees(const Hdf5Reader& in, std::vector<Tree>& trees) {
  using std::uint32_t, std::uint64_t, std::uint8_t;
  TakeColumn<uint32_t>(in, "/trees/round", trees, [](Tree& t, auto v) { t.key.round = v; });
  TakeColumn<uint8_t>(in, "/trees/phase", trees,
                      [](Tree& t, auto v) { t.key.phase = static_cast<Phase>(v); });
  TakeColumn<uint32_t>(in, "/trees/problem", trees, [](Tree& t, auto v) { t.key.problem = v; });
  TakeColumn<uint32_t>(in, "/trees/attempt", trees, [](Tree& t, auto v) { t.key.attempt = v; });
  TakeColumn<Seed>(in, "/trees/seed", trees, [](Tree& t, auto v) { t.seed = v; });
  TakeColumn<uint64_t>(in, "/trees/tokens_generated", trees,
                       [](Tree& t, auto v) { t.cost.tokens_generated = v; });
  TakeColumn<uint64_t>(in, "/trees/tokens_scored", trees,
                       [](Tree& t, auto v) { t.cost.tokens_scored = v; });
  TakeColumn<uint32_t>(in, "/trees/programs", trees, [](Tree& t, auto v) { t.cost.programs = v; });
  TakeColumn<uint32_t>(in, "/trees/rollouts", trees, [](Tree& t, auto v) { t.cost.rollouts = v; });
  const std::string text = "/text/tree/";
  TakeRagged<char>(
      in, text + "problem_id", trees, [](Tree & t) -> auto& { return t.problem_id; });
  TakeRagged<char>(
      in, text + "method", trees, [](Tree & t) -> auto& { return t.method; });
  TakeRagged<char>(
      in, text + "policy_digest", trees, [](Tree & t) -> auto& { return t.policy_digest; });
  TakeRagged<char>(
      in, text + "ppm_digest", trees, [](Tree & t) -> auto& { return t.ppm_digest; });
  TakeRagged<char>(
      in, text + "prompt_digest", trees, [](Tree & t) -> auto& { return t.prompt_digest; });
  TakeRagged<char>(
      in, text + "verifier", trees, [](Tree & t) -> auto& { return t.verifier; });
}

void TakeNodes(const Hdf5Reader& in, std::vector<Node*>& nodes) {
  TakeColumn<std::int32_t>(in, "/nodes/parent", nodes, [](Node* n, auto v) { n->parent = v; });
  TakeColumn<std::uint16_t>(in, "/nodes/depth", nodes, [](Node* n, auto v) { n->depth = v; });
  TakeColumn<std::uint8_t>(in, "/nodes/kind", nodes,
                           [](Node* n, auto v) { n->kind = static_cast<NodeKind>(v); });
  TakeColumn<std::uint8_t>(in, "/nodes/verdict", nodes,
                           [](Node* n, auto v) { n->judgement.verdict = static_cast<Verdict>(v); });
  TakeColumn<double>(in, "/nodes/q_sum", nodes, [](Node* n, auto v) { n->q_sum = v; });
  TakeColumn<std::uint32_t>(in, "/nodes/visits", nodes, [](Node* n, auto v) { n->visits = v; });
  TakeColumn<float>(in, "/nodes/ppm", nodes, [](Node* n, auto v) { n->ppm = v; });
  TakeColumn<std::uint16_t>(in, "/nodes/samples", nodes, [](Node* n, auto v) { n->samples = v; });
  TakeFlags(in, "/nodes/has_ppm", nodes, [](Node* n) -> bool& { return n->has_ppm; });
  TakeFlags(in, "/nodes/expanded", nodes, [](Node* n) -> bool& { return n->expanded; });
  TakeFlags(in, "/nodes/closed", nodes, [](Node* n) -> bool& { return n->closed; });
  TakeRagged<std::int32_t>(
      in, "/tokens/step", nodes, [](Node * n) -> auto& { return n->tokens; });
  TakeRagged<float>(
      in, "/tokens/logprob", nodes, [](Node * n) -> auto& { return n->logprobs; });
  TakeRagged<std::int32_t>(
      in, "/tokens/output", nodes, [](Node * n) -> auto& { return n->output_tokens; });
  const std::string text = "/text/node/";
  TakeRagged<char>(
      in, text + "text", nodes, [](Node * n) -> auto& { return n->text; });
  TakeRagged<char>(
      in, text + "output", nodes, [](Node * n) -> auto& { return n->output; });
  TakeRagged<char>(
      in, text + "answer", nodes, [](Node * n) -> auto& { return n->answer; });
  TakeRagged<char>(
      in, text + "reason", nodes, [](Node * n) -> auto& { return n->judgement.reason; });
  TakeRagged<char>(
      in, text + "exec_outcome", nodes, [](Node * n) -> auto& { return n->exec_outcome; });
}

void TakeTiming(const Hdf5Reader& in, std::vector<Tree>& trees) {
  TakeColumn<double>(in, "/timing/search_s", trees, [](Tree& t, auto v) { t.cost.search_s = v; });
  TakeColumn<double>(in, "/timing/generate_s", trees,
                     [](Tree& t, auto v) { t.cost.generate_s = v; });
  TakeColumn<double>(in, "/timing/execute_s", trees, [](Tree& t, auto v) { t.cost.execute_s = v; });
  TakeColumn<double>(in, "/timing/score_s", trees, [](Tree& t, auto v) { t.cost.score_s = v; });
  TakeColumn<double>(in, "/timing/finished_unix_s", trees,
                     [](Tree& t, auto v) { t.cost.finished_unix_s = v; });
  TakeColumn<std::int32_t>(in, "/timing/rank", trees, [](Tree& t, auto v) { t.cost.rank = v; });
  TakeRagged<char>(
      in, "/timing/host", trees, [](Tree & t) -> auto& { return t.cost.host; });
}

// Gives every tree its nodes, still blank; returns them all in order.
std::vector<Node*> MakeNodes(const Hdf5Reader& in, std::vector<Tree>& trees) {
  const auto total = in.Count("n_nodes");
  const auto offsets = in.Get<std::uint64_t>("/trees/node_offsets", trees.size() + 1);
  in.CheckOffsets("/trees/node_offsets", offsets, total);
  in.Get<std::int32_t>("/nodes/parent", total);  // The count is true before memory is spent on it.
  std::vector<Node*> nodes;
  for (std::size_t i = 0; i < trees.size(); ++i) {
    trees[i].nodes.resize(offsets[i + 1] - offsets[i]);
    for (Node& node : trees[i].nodes) nodes.push_back(&node);
  }
  return nodes;
}

// Shards are sorted by key and hold a key once; a caller that breaks this has a bug.
bool IsSorted(const std::vector<Tree>& trees) {
  for (std::size_t i = 1; i < trees.size(); ++i) {
    if (!(trees[i - 1].key < trees[i].key)) return false;
  }
  return true;
}

std::vector<Tree> ParseShard(const std::string& bytes, const std::string& origin) {
  const Hdf5Reader in(bytes, origin, ShardSchema());
  std::vector<Tree> trees(in.Get<std::uint32_t>("/trees/round", in.Count("n_trees")).size());
  std::vector<Node*> nodes = MakeNodes(in, trees);
  TakeTrees(in, trees);
  TakeNodes(in, nodes);
  TakeTiming(in, trees);
  try {
    for (const Tree& tree : trees) CheckTree(tree);
  } catch (const Error& error) {
    in.Bad(error.what());
  }
  if (!IsSorted(trees)) in.Bad("its trees are not sorted by key");
  if (ContentDigest(trees) != in.Text("content_digest")) {
    in.Bad("its content does not match its content digest");
  }
  return trees;
}

std::string MakeShard(const std::string& run_id, const std::vector<Tree>& trees,
                      const ShardSummary& summary) {
  Hdf5Writer out(ShardSchema());
  out.SetText("run_id", run_id);
  out.SetText("content_digest", summary.content_digest);
  out.SetCount("n_trees", summary.trees);
  out.SetCount("n_nodes", summary.nodes);
  const std::vector<const Node*> nodes = AllNodes(trees);
  PutTrees(out, trees);
  PutNodes(out, nodes);
  PutTokens(out, nodes);
  PutText(out, trees, nodes);
  PutTiming(out, trees);
  return out.Take();
}

}  // namespace

ShardSummary WriteShard(const std::filesystem::path& path, const std::string& run_id,
                        const std::vector<Tree>& trees) {
  Require(IsSorted(trees), "a shard's trees must be sorted by key, each key once");
  ShardSummary summary;
  summary.file = path.filename();
  summary.trees = trees.size();
  for (const Tree& tree : trees) summary.nodes += tree.nodes.size();
  summary.content_digest = ContentDigest(trees);
  const std::string bytes = MakeShard(run_id, trees, summary);
  const std::vector<Tree> read = ParseShard(bytes, path.string());
  Require(read.size() == trees.size(), "a shard reads back differently from what was written");
  for (std::size_t i = 0; i < trees.size(); ++i) {
    Require(SerializeTree(read[i]) == SerializeTree(trees[i]),
            "a shard reads back differently from what was written");
  }
  summary.bytes = bytes.size();
  summary.sha256 = Sha256(bytes);
  WriteFileAtomically(path, bytes);
  return summary;
}

std::vector<Tree> ReadShard(const std::filesystem::path& path) {
  return ParseShard(ReadFile(path), path.string());
}

}  // namespace gradus
