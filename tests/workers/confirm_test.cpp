#include "workers/confirm.h"

#include <doctest/doctest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <memory>

#include "verify/python/python_verifier.h"
#include "workers/environments/python_steps.h"

using namespace gradus;

namespace {

// Root, a step, a step that closes its block, two answers: one correct, one wrong.
Tree Solved(const std::string& output) {
  Tree tree;
  const auto add = [&](std::int32_t parent, const std::string& text) -> Node& {
    Node node;
    node.parent = parent;
    node.text = text;
    tree.nodes.push_back(node);
    return tree.nodes.back();
  };
  add(-1, "problem");
  add(0, "<code>\nx = 6<end_of_step>").exec_outcome = "ok";
  Node& closed = add(1, "print(x * 7)<end_of_step>\n<end_of_code>");
  closed.exec_outcome = "ok";
  closed.output = "\n<output>" + output + "<end_of_output>";
  Node& right = add(2, "<answer>\\boxed{42}<end_of_answer>");
  right.kind = NodeKind::kAnswer;
  right.judgement = {Verdict::kCorrect, "exact"};
  Node& wrong = add(2, "<answer>\\boxed{41}<end_of_answer>");
  wrong.kind = NodeKind::kAnswer;
  wrong.judgement = {Verdict::kWrong, "exact"};
  return tree;
}

void RunConfirm(Tree& tree) {
  asio::io_context io;
  ExecutorOptions options;
  options.preload = {};
  const auto verifier = MakePythonVerifier(io, options, GraderMode::kStrict);
  const Problem problem{"p", "6 * 7?", "42", "", "", {}};
  const PythonSteps environment({});
  asio::co_spawn(io, Confirm(tree, *verifier, options.limits, environment, problem),
                 asio::detached);
  io.run();
}

}  // namespace

TEST_CASE("A correct trajectory whose code runs again as it did stays correct") {
  Tree tree = Solved("42");
  RunConfirm(tree);
  CHECK(tree.nodes[3].judgement.verdict == Verdict::kCorrect);
  CHECK(tree.nodes[4].judgement.verdict == Verdict::kWrong);
  CHECK(tree.cost.programs == 1);
}

TEST_CASE("A correct trajectory whose code does not print what the search saw is no label") {
  Tree tree = Solved("43");
  RunConfirm(tree);
  CHECK(tree.nodes[3].judgement.verdict == Verdict::kUnverifiable);
  CHECK(tree.nodes[3].judgement.reason == "recheck-differs");
  CHECK(tree.nodes[4].judgement.verdict == Verdict::kWrong);
}

TEST_CASE("Code that the answer does not wait for is run again too") {
  Tree tree = Solved("42");
  tree.nodes[2].text = "y = 1 / 0<end_of_step>";
  tree.nodes[2].output.clear();  // The block stayed open, and "ok" is what the search claims.
  RunConfirm(tree);
  CHECK(tree.nodes[3].judgement.reason == "recheck-differs");
}

TEST_CASE("A block that holds no code is as it was seen, though nothing runs for it") {
  Tree tree = Solved("42");
  Node empty;
  empty.parent = 2;
  empty.text = "<end_of_code>";
  empty.exec_outcome = "ok";
  empty.output = "\n<output><end_of_output>";
  tree.nodes.push_back(empty);
  Node right = tree.nodes[3];
  right.parent = 5;
  tree.nodes.push_back(right);
  RunConfirm(tree);
  CHECK(tree.nodes[3].judgement.verdict == Verdict::kCorrect);
  CHECK(tree.nodes[6].judgement.verdict == Verdict::kCorrect);
}
