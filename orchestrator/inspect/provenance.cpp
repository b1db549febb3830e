#include "orchestrator/inspect/provenance.h"

#include <algorithm>
#include <charconv>

#include "orchestrator/rounds/config.h"
#include "schemas/base/error.h"
#include "schemas/base/file.h"

namespace gradus {
namespace {

using Tokens = std::vector<std::int32_t>;

std::optional<Problem> FindProblem(const RunView& run, const std::string& id) {
  for (Problem& problem : ProblemsOf(run)) {
    if (problem.id == id) return std::move(problem);
  }
  return std::nullopt;
}

// Whether `tokens` end with the path's steps, one end-of-sequence token more or less.
bool EndsWithPath(const Tokens& tokens, const Tree& tree, const std::vector<std::int32_t>& path) {
  Tokens steps;
  for (std::int32_t i : path) {
    const Node& node = tree.nodes[i];
    steps.insert(steps.end(), node.tokens.begin(), node.tokens.end());
    steps.insert(steps.end(), node.output_tokens.begin(), node.output_tokens.end());
  }
  for (std::size_t after : {std::size_t{0}, std::size_t{1}}) {
    if (tokens.size() < steps.size() + after) continue;
    if (std::equal(steps.rbegin(), steps.rend(),
                   tokens.rbegin() + static_cast<std::ptrdiff_t>(after))) {
      return true;
    }
  }
  return false;
}

Provenance Trace(const RunView& run, const RowOrigin& origin, Tokens tokens) {
  Provenance source;
  source.origin = origin;
  source.tokens = std::move(tokens);
  source.demonstration = origin.key.round == 0;
  source.problem = FindProblem(run, origin.problem_id);
  if (source.demonstration) return source;
  source.found = FindTree(run, origin.key);
  if (!source.found) {
    Fail("{}: no tree with key {} in its shards; check the run with gradus fsck",
         run.files.root.string(), ToString(origin.key));
  }
  const Tree& tree = source.found->tree;
  if (origin.node < 0 || static_cast<std::size_t>(origin.node) >= tree.nodes.size()) {
    Fail("{}: row names node {}, but the tree has {}", ToString(origin.key), origin.node,
         tree.nodes.size());
  }
  source.path = PathTo(tree, origin.node);
  source.tokens_match = EndsWithPath(source.tokens, tree, source.path);
  return source;
}

template <class Row>
Row Pick(const std::vector<Row>& rows, const RowName& name, const fs::path& file) {
  if (name.index >= rows.size()) {
    Fail("{} has {} rows, numbered from 0: there is no row {}", file.string(), rows.size(),
         name.index);
  }
  return rows[name.index];
}

void CheckThere(const RunView& run, const RowName& name, const fs::path& file) {
  run.Round(name.round);
  if (!fs::exists(file)) {
    Fail("{}: not there; round {} has not selected its rows yet", file.string(), name.round);
  }
}

Tokens Joined(Tokens prefix, const Tokens& side) {
  prefix.insert(prefix.end(), side.begin(), side.end());
  return prefix;
}

}  // namespace

RowName ParseRowName(const std::string& text) {
  RowName name;
  const char* end = text.data() + text.size();
  if (!text.empty() && text[0] == 'r') {
    const auto round = std::from_chars(text.data() + 1, end, name.round);
    if (round.ec == std::errc() && round.ptr != end && *round.ptr == ':') {
      const auto index = std::from_chars(round.ptr + 1, end, name.index);
      if (index.ec == std::errc() && index.ptr == end && name.round >= 0) return name;
    }
  }
  Fail("'{}' is not a row: expected r<round>:<row>, such as r2:0", text);
}

std::vector<Problem> ProblemsOf(const RunView& run) {
  std::vector<Problem> problems;
  try {
    const Config config = ParseConfig(ReadFile(run.files.Config()));
    for (const std::string& file : {config.problems.train, config.evaluation.problems}) {
      if (file.empty()) continue;
      for (Problem& problem : LoadProblems(file)) problems.push_back(std::move(problem));
    }
  } catch (const Error&) {
    // A run can be read without the files it was made from.
  }
  return problems;
}

SftStory ExplainSft(const RunView& run, const RowName& name) {
  const fs::path file = run.files.Sft(name.round);
  CheckThere(run, name, file);
  SftStory story;
  story.row = Pick(ReadSftRows(file), name, file);
  story.source = Trace(run, story.row.origin, story.row.tokens);
  return story;
}

PairStory ExplainPair(const RunView& run, const RowName& name) {
  const fs::path file = run.files.Pairs(name.round);
  CheckThere(run, name, file);
  PairStory story;
  story.pair = Pick(ReadPairs(file), name, file);
  const PreferencePair& pair = story.pair;
  story.chosen = Trace(run, pair.chosen_origin, Joined(pair.prefix, pair.chosen));
  story.rejected = Trace(run, pair.rejected_origin, Joined(pair.prefix, pair.rejected));
  return story;
}

}  // namespace gradus
