#pragma once
#include <nlohmann/json.hpp>

#include "verify/python/python_executor.h"

namespace gradus {

struct SearchBenchOptions {
  int problems = 48, rollouts = 4, candidates = 8;
  int depth = 6;           // Code steps of a path; a print step and an answer step follow.
  bool python = true;      // False: only the search's own cost.
  bool engine = false;     // Also with an engine that computes as many tokens as the script has.
  double straggler_s = 0;  // Then beside it one program that takes this long.
  ExecutorOptions execution;
};

// Trees per second with a policy that answers at once: below code depth d candidate i is
// `x{d} = x{d-1} + {i}`, then comes one print step, then the answer that was printed. Everything
// else is what a round uses: search, tokenizer, grader, the re-check of correct trajectories. Once
// with real, isolated Python; once with an interpreter that answers at once too, which leaves the
// search's own cost; and, on request, with an engine at work, whose busy time shows what the search
// and a program that takes long leave it waiting.
nlohmann::ordered_json BenchSearch(const SearchBenchOptions& options);

}  // namespace gradus
