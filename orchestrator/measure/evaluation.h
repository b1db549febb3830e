#pragma once
#include <cstdint>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/measure/rate.h"
#include "schemas/ids.h"
#include "schemas/problem.h"
#include "schemas/tree.h"

namespace gradus {

class Settings;

// How a held-out problem is tried: the attempt of a key of Phase::kEvaluate. Stored: append only.
enum class EvalMethod : std::uint32_t {
  kGreedy = 0,
  kSample = 1,  // `samples` independent chains in one tree.
  kSearch = 2,  // Search led by the PPM, blind to the truth.
  kControlGreedy =
      3,  // Greedy with the control model: the same training steps on the demonstrations only.
};

struct EvaluationOptions {
  std::string problems;  // Held-out problem file; "": no evaluation.
  int per_level = 0;     // First problems of each level; 0: all.
  bool greedy = true;
  int samples = 4;           // Chains per problem; 0: none.
  int sample_per_level = 0;  // First problems of each level that are sampled; 0: as per_level.
  bool search = true;
  int search_per_level = 0;
  int candidates = 8;  // Of the evaluation search.
  int rollouts = 8;
};
void Bind(Settings& settings, EvaluationOptions& options);

// Which models a round can evaluate with beside its policy.
struct EvalModels {
  bool ppm = false, control = false;
};
// The evaluation's work, in key order.
std::vector<Key> EvaluationKeys(RoundIndex round, const std::vector<Problem>& problems,
                                const EvaluationOptions& options, EvalModels models);

struct EvalSummary {
  RateByLevel greedy, control;
  int samples = 0;
  std::vector<RateByLevel>
      pass_at;  // pass_at[k - 1], k = 1 … samples: unbiased estimate from n ≥ k chains.
  RateByLevel majority;       // Most frequent answer of the chains.
  RateByLevel ppm_guided;     // The search's answer with the best PPM score.
  RateByLevel search_any;     // Any answer of the search is correct: the bound of every choice.
  RateByLevel search_random;  // A random answer of the search: what a choice has to beat.
  std::uint64_t tokens = 0, programs = 0;
};

// Whether two answers are the same, for the vote.
using SameAnswer = std::function<bool(std::string_view, std::string_view)>;

// Measures trees of Phase::kEvaluate that pass by in key order: sums of expectations are rounded.
// `problems` is the file their keys index and must outlive it. `samples` is the number of chains
// that were asked for: chains without a verified answer count as wrong in pass@k.
class EvaluationMeter {
 public:
  EvaluationMeter(const std::vector<Problem>& problems, int samples, SameAnswer same);
  // REQUIRES: the key is inside the problem file and follows those before. Other phases' trees are
  // ignored.
  void Add(const Tree& tree);
  const EvalSummary& summary() const { return summary_; }

 private:
  const std::vector<Problem>& problems_;
  SameAnswer same_;
  EvalSummary summary_;
  std::optional<Key> last_;
};

// The same of trees that are in memory, in whatever order.
EvalSummary MeasureEvaluation(const std::vector<Tree>& trees, const std::vector<Problem>& problems,
                              int samples, const SameAnswer& same);

// 1 - C(n - c, k) / C(n, k): the chance that k of n chains, c of them correct, hold a correct one.
double PassAtK(std::uint64_t n, std::uint64_t c, std::uint64_t k);

// Stable key order, content only. Metrics nothing was measured for are left out.
nlohmann::ordered_json ToJson(const EvalSummary& summary);

}  // namespace gradus
