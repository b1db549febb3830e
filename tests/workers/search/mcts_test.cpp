#include <doctest/doctest.h>

#include <cmath>

#include "tests/fakes/scripted_world.h"
#include "workers/search/uct.h"

using namespace gradus;

namespace {

SearchOptions Paper() { return SearchOptions{}; }

SearchOptions Reference() {
  SearchOptions o;
  o.rollout_unit = RolloutUnit::kWalk;
  o.failed_steps = FailedSteps::kTerminal;
  o.finishing = Finishing::kFirstOnly;
  o.unvisited = Unvisited::kZero;
  o.ties = Ties::kFirst;
  o.ppm_init = PpmInit::kVisit;
  o.backup = Backup::kAtCreation;
  return o;
}

SearchSpec Spec(int candidates, int rollouts, Annotation annotation = Annotation::kTerminal) {
  return {SearchMethod::kMcts, candidates, rollouts, annotation, 1.0, false};
}

bool Has(const Tree& tree, const std::string& text) {
  for (const Node& node : tree.nodes) {
    if (node.text == text) return true;
  }
  return false;
}

// Root → A, B; A → right, wrong; B → wrong, right.
ScriptedWorld FourAnswers() {
  ScriptedWorld world;
  world.script[""] = {Step("A"), Step("B")};
  world.script["A"] = {Right("A1"), Wrong("A2")};
  world.script["B"] = {Wrong("B1"), Right("B2")};
  return world;
}

void CheckNode(const Tree& tree, const std::string& text, double q_sum, unsigned visits) {
  CAPTURE(text);
  CHECK(NodeNamed(tree, text).q_sum == doctest::Approx(q_sum));
  CHECK(NodeNamed(tree, text).visits == visits);
}

}  // namespace

TEST_CASE("Paper: four rollouts over two branches give the values worked out by hand") {
  // Rollout 1: A and B are unvisited, A has the lower index; A1 is right: A, root += 1.
  // Rollout 2: B is unvisited and goes first; B1 is wrong: B = -1, root = 0 of 2.
  // Rollout 3: UCT(A) = 1 + 2·sqrt(ln 2 / 1) = 2.665, UCT(B) = -1 + 1.665 = 0.665: A; A2 is wrong:
  // A = 0 of 2. Rollout 4: A has no open child, so B2: right, B = 0 of 2, root = 0 of 4.
  for (int rollouts = 1; rollouts <= 4; ++rollouts) {
    ScriptedWorld world = FourAnswers();
    const Tree tree = SearchScript(world, Paper(), Spec(2, rollouts));
    CAPTURE(rollouts);
    const double root_q[] = {1, 0, -1, 0};
    CHECK(tree.nodes[0].q_sum == root_q[rollouts - 1]);
    CHECK(tree.nodes[0].visits == static_cast<unsigned>(rollouts));
    CheckNode(tree, "A1", 1, 1);
    if (rollouts == 2) CheckNode(tree, "A", 1, 1);
    if (rollouts >= 3) CheckNode(tree, "A", 0, 2);
    if (rollouts >= 2) CheckNode(tree, "B1", -1, 1);
    if (rollouts == 4) CheckNode(tree, "B2", 1, 1);
    CHECK(tree.nodes[0].closed == (rollouts == 4));
  }
}

TEST_CASE("Paper: a search that has seen everything stops before its budget") {
  ScriptedWorld world = FourAnswers();
  const Tree tree = SearchScript(world, Paper(), Spec(2, 100));
  CHECK(tree.cost.rollouts == 4);
  CHECK(tree.nodes[0].visits == 4);
}

TEST_CASE("Reference: answers are backed up when made and only the first finishing sample stays") {
  // Walk 1: A (score 0 ties with B's 0, first index). Expanding A keeps A1 alone: +1 to A and root.
  // A is closed. Walk 2: B; B1 alone: -1 to B and root. Everything is closed, so the third walk
  // does not happen.
  ScriptedWorld world = FourAnswers();
  const Tree tree = SearchScript(world, Reference(), Spec(2, 48));
  CHECK(tree.nodes.size() == 5);
  CheckNode(tree, "A", 1, 1);
  CheckNode(tree, "A1", 1, 1);
  CheckNode(tree, "B", -1, 1);
  CheckNode(tree, "B1", -1, 1);
  CHECK(tree.nodes[0].q_sum == 0);
  CHECK(tree.nodes[0].visits == 2);
  CHECK(tree.cost.rollouts == 2);
}

TEST_CASE("Reference: a node's Q is (PPM + sum of terminals) / (1 + terminals)") {
  ScriptedWorld world;
  world.script[""] = {Step("A", 0.5f), Step("B", -0.25f)};
  world.script["A"] = {Right("A1")};
  world.script["B"] = {Wrong("B1")};
  const Tree tree = SearchScript(world, Reference(), Spec(2, 2, Annotation::kPpm));
  CHECK(QValue(NodeNamed(tree, "A")) == doctest::Approx((0.5 + 1) / 2));
  CHECK(QValue(NodeNamed(tree, "B")) == doctest::Approx((-0.25 - 1) / 2));
  // The local PPM visits of the children are not the root's.
  CHECK(tree.nodes[0].visits == 2);
}

TEST_CASE("Paper: the PPM score is where q starts, without a visit (eq. 3)") {
  ScriptedWorld world;
  world.script[""] = {Step("A", -0.5f), Step("B", 0.25f)};
  world.script["A"] = {Wrong("A1")};
  world.script["B"] = {Right("B1")};
  const Tree tree = SearchScript(world, Paper(), Spec(2, 1, Annotation::kPpm));
  CHECK(world.expanded == std::vector<std::string>{"", "B"});  // The better prior goes first.
  CheckNode(tree, "B", 1.25, 1);
  CheckNode(tree, "A", -0.5, 0);
}

TEST_CASE("rollout_unit: a walk goes on past an answer, a trajectory ends there") {
  ScriptedWorld world;
  world.script[""] = {Right("R"), Step("A")};
  world.script["A"] = {Wrong("A1")};
  SearchOptions o = Paper();
  CHECK(SearchScript(world, o, Spec(2, 1)).nodes[0].visits == 1);
  o.rollout_unit = RolloutUnit::kWalk;
  // One walk: R (+1), then A from the root, then A1 (-1).
  const Tree tree = SearchScript(world, o, Spec(2, 1));
  CHECK(tree.nodes[0].visits == 2);
  CHECK(tree.nodes[0].q_sum == 0);
}

TEST_CASE("failed_steps: dropped, or a terminal worth -1 that is not propagated") {
  ScriptedWorld world;
  world.script[""] = {Broken("X"), Step("A")};
  world.script["A"] = {Right("A1")};
  SearchOptions o = Paper();
  CHECK_FALSE(Has(SearchScript(world, o, Spec(2, 1)), "X"));
  o.failed_steps = FailedSteps::kTerminal;
  const Tree tree = SearchScript(world, o, Spec(2, 1));
  CheckNode(tree, "X", -1, 1);
  CHECK(NodeNamed(tree, "X").closed);
  CHECK(tree.nodes[0].q_sum == 1);
  CHECK(tree.nodes[0].visits == 1);
}

TEST_CASE("finishing: all candidates stay, or the first finishing sample alone") {
  ScriptedWorld world;
  world.script[""] = {Step("A"), Right("R"), Wrong("W")};
  world.script["A"] = {Wrong("A1")};
  SearchOptions o = Paper();
  CHECK(SearchScript(world, o, Spec(3, 1)).nodes.size() >= 4);
  o.finishing = Finishing::kFirstOnly;
  const Tree tree = SearchScript(world, o, Spec(3, 1));
  CHECK(tree.nodes.size() == 2);
  CheckNode(tree, "R", 1, 1);
}

TEST_CASE("unvisited: a new child goes before all others, or scores exactly 0") {
  ScriptedWorld world;
  world.script[""] = {Step("A"), Step("B")};
  world.script["A"] = {Right("A1"), Right("A2")};
  world.script["B"] = {Right("B1")};
  SearchOptions o = Paper();
  const Tree first = SearchScript(world, o, Spec(2, 2));
  CheckNode(first, "B", 1, 1);
  o.unvisited = Unvisited::kZero;
  // UCT(A) = 1 > 0 = UCT(B): the first child keeps being searched.
  const Tree zero = SearchScript(world, o, Spec(2, 2));
  CheckNode(zero, "A", 2, 2);
  CheckNode(zero, "B", 0, 0);
}

TEST_CASE("ties: the child sampled more often, the lowest index, or a seeded draw") {
  ScriptedWorld world;
  world.script[""] = {Step("A"), Step("B"), Step("B")};
  world.script["A"] = {Right("A1")};
  world.script["B"] = {Right("B1")};
  SearchOptions o = Paper();
  CHECK(NodeNamed(SearchScript(world, o, Spec(3, 1)), "B").visits == 1);
  o.ties = Ties::kFirst;
  CHECK(NodeNamed(SearchScript(world, o, Spec(3, 1)), "A").visits == 1);
  o.ties = Ties::kRandom;
  int a_first = 0;
  for (Seed seed = 0; seed < 64; ++seed) {
    Tree tree;
    tree.seed = seed;
    tree.nodes.resize(3);
    tree.nodes[1].parent = tree.nodes[2].parent = 0;
    const Children children = {{1, 2}, {}, {}};
    const auto chosen = SelectChild(tree, children, 0, o);
    CHECK(chosen == SelectChild(tree, children, 0, o));
    a_first += *chosen == 1 ? 1 : 0;
  }
  CHECK(a_first > 16);
  CHECK(a_first < 48);
}

TEST_CASE("ppm_init: a prior counts no visit, the code's does") {
  Node node;
  SetPrior(node, 0.5f, PpmInit::kPrior);
  CHECK(node.visits == 0);
  CHECK(node.q_sum == 0.5);
  SetPrior(node, 0.5f, PpmInit::kVisit);
  CHECK(node.visits == 1);
}

TEST_CASE("backup: at creation all answers count, per rollout only the one it ended at") {
  ScriptedWorld world;
  world.script[""] = {Right("R"), Wrong("W"), Wrong("V")};
  SearchOptions o = Paper();
  CHECK(SearchScript(world, o, Spec(3, 1)).nodes[0].visits == 1);
  o.backup = Backup::kAtCreation;
  const Tree tree = SearchScript(world, o, Spec(3, 1));
  CHECK(tree.nodes[0].visits == 3);
  CHECK(tree.nodes[0].q_sum == -1);
}

TEST_CASE("dedupe: equal texts become one child that knows how often it was sampled") {
  ScriptedWorld world;
  world.script[""] = {Step("A"), Step("A"), Step("B")};
  world.script["A"] = {Right("A1")};
  world.script["B"] = {Right("B1")};
  SearchOptions o = Paper();
  const Tree deduped = SearchScript(world, o, Spec(3, 1));
  CHECK(NodeNamed(deduped, "A").samples == 2);
  CHECK(NodeNamed(deduped, "B").samples == 1);
  const auto children_of_root = [](const Tree& tree) {
    return std::count_if(tree.nodes.begin(), tree.nodes.end(),
                         [](const Node& n) { return n.parent == 0; });
  };
  CHECK(children_of_root(deduped) == 2);
  o.dedupe = false;
  CHECK(children_of_root(SearchScript(world, o, Spec(3, 1))) == 3);
}

TEST_CASE("max_depth: no open step stays at the last level") {
  ScriptedWorld world;
  world.script[""] = {Step("A")};
  world.script["A"] = {Step("B")};
  world.script["B"] = {Right("R")};
  SearchOptions o = Paper();
  o.max_depth = 3;
  CHECK(Has(SearchScript(world, o, Spec(1, 1)), std::string("R") + marker::kEndOfAnswer));
  o.max_depth = 2;
  o.failed_steps = FailedSteps::kTerminal;
  const Tree tree = SearchScript(world, o, Spec(1, 5));
  CHECK(NodeNamed(tree, "B").kind == NodeKind::kFailed);
  CHECK(NodeNamed(tree, "B").judgement.reason == "too-deep");
  CHECK(tree.nodes[0].closed);
}

TEST_CASE("c_puct: a small constant exploits, a large one explores") {
  Node parent, good, bad;
  parent.visits = 10;
  good.visits = 7;
  good.q_sum = 7;
  bad.visits = 3;
  bad.q_sum = -3;
  SearchOptions o = Paper();
  o.c_puct = 0;
  CHECK(Uct(parent, good, o) > Uct(parent, bad, o));
  o.c_puct = 2;
  // Eq. 1: 1 + 2·sqrt(ln 10 / 7) and -1 + 2·sqrt(ln 10 / 3).
  CHECK(Uct(parent, good, o) == doctest::Approx(1 + 2 * std::sqrt(std::log(10.0) / 7)));
  CHECK(Uct(parent, bad, o) == doctest::Approx(-1 + 2 * std::sqrt(std::log(10.0) / 3)));
  o.c_puct = 30;
  CHECK(Uct(parent, bad, o) > Uct(parent, good, o));
}

TEST_CASE("An answer that could not be verified is closed without a value") {
  ScriptedWorld world;
  world.script[""] = {Undecided("U"), Right("R")};
  const Tree tree = SearchScript(world, Paper(), Spec(2, 5));
  CheckNode(tree, "U", 0, 0);
  CHECK(NodeNamed(tree, "U").closed);
  CHECK(tree.nodes[0].visits == 1);
}

TEST_CASE("A node whose candidates all fail is closed and costs its rollout nothing but time") {
  ScriptedWorld world;
  world.script[""] = {Step("A"), Step("B")};
  world.script["A"] = {Broken("X")};
  world.script["B"] = {Right("B1")};
  const Tree tree = SearchScript(world, Paper(), Spec(2, 2));
  CheckNode(tree, "A", 0, 0);
  CHECK(NodeNamed(tree, "A").closed);
  CheckNode(tree, "B", 1, 1);
}

TEST_CASE("In evaluation the search sees the PPM's opinion and never the truth") {
  ScriptedWorld world;
  world.script[""] = {Right("R", -0.75f), Wrong("W", 0.5f)};
  SearchSpec spec = Spec(2, 2, Annotation::kPpm);
  spec.blind = true;
  const Tree tree = SearchScript(world, Paper(), spec);
  CheckNode(tree, "R", -0.75, 1);
  CheckNode(tree, "W", 0.5, 1);
  CHECK(NodeNamed(tree, "R").judgement.verdict == Verdict::kCorrect);
}

TEST_CASE("While data is generated, answers are worth the truth whatever the PPM says") {
  ScriptedWorld world;
  world.script[""] = {Right("R", -0.75f)};
  const Tree tree = SearchScript(world, Paper(), Spec(1, 1, Annotation::kPpm));
  CheckNode(tree, "R", 1, 1);
  CHECK_FALSE(NodeNamed(tree, "R").has_ppm);
}

TEST_CASE("Sampling follows its chains to their ends and merges none of them") {
  ScriptedWorld world;
  world.script[""] = {Step("A")};
  world.script["A"] = {Right("A1")};
  SearchSpec spec{SearchMethod::kSample, 1, 3, Annotation::kTerminal, 1.0, false};
  const Tree tree = SearchScript(world, Paper(), spec);
  CHECK(tree.nodes.size() == 1 + 3 * 2);
  CHECK(AnswerLeaves(tree).size() == 3);
  CHECK(tree.nodes[0].visits == 3);
}

TEST_CASE(
    "N of the root is the number of backed-up answers, and Q stays in [-1, 1], on random trees") {
  Random random(11);
  for (int trial = 0; trial < 50; ++trial) {
    ScriptedWorld world;
    std::vector<std::string> open = {""};
    for (int depth = 0; depth < 3; ++depth) {
      std::vector<std::string> next;
      for (const std::string& parent : open) {
        for (int i = 0; i < 3; ++i) {
          const std::string name = fmt::format("{}.{}", parent, i);
          const auto draw = random.Below(depth == 2 ? 3 : 5);
          if (draw == 0) world.script[parent].push_back(Right(name));
          if (draw == 1) world.script[parent].push_back(Wrong(name));
          if (draw == 2) world.script[parent].push_back(Broken(name));
          if (draw > 2) {
            world.script[parent].push_back(Step(name));
            next.push_back(name);
          }
        }
      }
      open = next;
    }
    for (const SearchOptions& o : {Paper(), Reference()}) {
      const Tree tree = SearchScript(world, o, Spec(3, 20));
      unsigned answers = 0;
      for (const Node& node : tree.nodes) {
        if (node.kind == NodeKind::kAnswer && node.visits > 0) ++answers;
        CHECK(std::abs(QValue(node)) <= 1.0);
      }
      CHECK(tree.nodes[0].visits == answers);
    }
  }
}
