#pragma once
#include <map>
#include <string>
#include <vector>

#include "schemas/problem.h"
#include "verify/grader.h"
#include "verify/python_executor.h"
#include "workers/environments/python_steps.h"
#include "workers/policy/engine.h"
#include "workers/policy/tokenizer/tokenizer.h"
#include "workers/search/options.h"
#include "workers/search/world.h"

namespace gradus {

// What all trees of a worker share.
struct Services {
  const Tokenizer& tokenizer;
  Engine& policy;
  Engine* ppm;  // nullptr: no PPM in this phase.
  Executor& executor;
  const EnvironmentOptions& environment;
  const SearchOptions& search;
  ExecLimits limits;
};

// The real world of one tree: policy and PPM engines, Python, the grader. Token ids travel from the
// engine to the nodes and back without being re-encoded.
class LiveWorld final : public World {
 public:
  LiveWorld(const Services& services, const Problem& problem, SearchCost& cost);
  asio::awaitable<std::vector<std::vector<Node>>> Propose(const Tree& tree,
                                                          std::vector<Proposal> proposals) override;
  asio::awaitable<void> Check(const Tree& tree, std::vector<Node>& candidates) override;
  asio::awaitable<std::vector<float>> Score(const Tree& tree,
                                            std::vector<std::int32_t> nodes) override;

 private:
  const SequencePtr& SequenceOf(const Tree& tree, std::int32_t node);
  asio::awaitable<void> RunMissing(std::vector<std::string> keys, std::vector<Program> programs);
  asio::awaitable<void> GradeAnswers(std::vector<Node*> nodes);
  void RefuseTooLong(const Tree& tree, Node& node) const;
  void ReadExecution(const Tree& tree, const ExecResult& result, bool closes_block,
                     Node& node) const;

  const Services& services_;
  const Problem& problem_;
  const GoldAnswer gold_;
  SearchCost& cost_;
  std::vector<TokenId> stop_ids_;
  std::vector<SequencePtr> sequences_;  // By node; made on demand.
  std::map<std::string, ExecResult>
      executed_;  // By program text: equal programs run once per tree.
};

}  // namespace gradus
