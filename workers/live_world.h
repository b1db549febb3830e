#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "schemas/problem.h"
#include "verify/python/python_executor.h"
#include "verify/verifier.h"
#include "workers/engine/engine.h"
#include "workers/environments/environment.h"
#include "workers/models/tokenizer/tokenizer.h"
#include "workers/search/options.h"
#include "workers/search/world.h"

namespace gradus {

// What all trees of a worker share.
struct Services {
  const Tokenizer& tokenizer;
  Engine& policy;
  Engine* ppm;  // nullptr: no PPM in this phase.
  Verifier& verifier;
  const Environment& environment;
  const SearchOptions& search;
  ExecLimits limits;
  int max_step_tokens = 2048;
};

// The real world of one tree: policy and PPM engines, the environment, the verifier. Token ids
// travel from the engine to the nodes and back without being re-encoded.
class LiveWorld final : public World {
 public:
  LiveWorld(const Services& services, const Problem& problem, SearchCost& cost);
  asio::awaitable<std::vector<std::vector<Node>>> Propose(const Tree& tree,
                                                          std::vector<Proposal> proposals) override;
  bool Finishes(const Node& candidate) const override;
  // The environment reads, the verifier runs, the environment observes, the verifier judges. Throws
  // Error when the verifier is broken: nothing that ended so may shape a tree.
  asio::awaitable<void> Check(const Tree& tree, std::vector<Node>& candidates) override;
  asio::awaitable<std::vector<float>> Score(const Tree& tree,
                                            std::vector<std::int32_t> nodes) override;

 private:
  const SequencePtr& SequenceOf(const Tree& tree, std::int32_t node);
  // The state below one parent, and its steps as one text.
  struct Ground {
    std::int32_t parent = -1;
    State state;
    std::string text;
  };
  // A candidate as read; `report` is what running it showed, once it has run.
  struct Candidate {
    StepReading reading;
    Report* report = nullptr;
  };
  // A state that this tree has not run yet.
  struct Missing {
    State state;
    Report* report;
  };
  std::vector<Candidate> Read(const Tree& tree, const std::vector<Node>& nodes,
                              std::vector<Missing>& missing);
  Report* ReportOf(const Ground& ground, const std::string& source, std::vector<Missing>& missing);
  asio::awaitable<void> Run(std::vector<Missing> missing);
  void Observe(const Tree& tree, const Candidate& candidate, Node& node) const;
  void RefuseTooLong(const Tree& tree, std::vector<Node>& candidates) const;
  asio::awaitable<void> Judge(const Tree& tree, std::vector<Node*> answers);

  const Services& services_;
  const Problem& problem_;
  SearchCost& cost_;
  std::vector<TokenId> stop_ids_;
  std::vector<std::string> stop_texts_;
  std::vector<SequencePtr> sequences_;  // By node; made on demand.
  // By what runs, as text: equal states run once per tree.
  std::unordered_map<std::string, Report> reports_;
};

}  // namespace gradus
