#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "schemas/problem.h"
#include "verify/answers/grader.h"
#include "verify/python/python_executor.h"
#include "workers/engine/engine.h"
#include "workers/environments/python_steps.h"
#include "workers/models/tokenizer/tokenizer.h"
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
  // The steps of a block so far, and all of them as one text.
  struct BlockCode {
    std::vector<std::string> steps;
    std::string text;
  };
  const SequencePtr& SequenceOf(const Tree& tree, std::int32_t node);
  // A candidate with code, what its program gave or will give.
  struct Run {
    ExecResult* result = nullptr;
    bool closes_block = false;
  };
  // A program that this tree has not run yet.
  struct Missing {
    Program program;
    ExecResult* result;
  };
  ExecResult* ResultOf(const BlockCode& block, const std::string& code,
                       std::vector<Missing>& missing);
  asio::awaitable<void> RunMissing(std::vector<Missing> missing);
  asio::awaitable<void> GradeAnswers(std::vector<Node*> nodes);
  void RefuseTooLong(const Tree& tree, std::vector<Node>& candidates) const;
  void ReadExecution(const Tree& tree, const ExecResult& result, bool closes_block,
                     Node& node) const;

  const Services& services_;
  const Problem& problem_;
  const GoldAnswer gold_;
  SearchCost& cost_;
  std::vector<TokenId> stop_ids_;
  std::vector<SequencePtr> sequences_;  // By node; made on demand.
  // By program text: equal programs run once per tree.
  std::unordered_map<std::string, ExecResult> executed_;
};

}  // namespace gradus
