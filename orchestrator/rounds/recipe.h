#pragma once
#include <string>

#include "orchestrator/rounds/config.h"

namespace gradus {

// A recipe is an environment, a verifier, a search, a selection, objectives and a schedule. Not all
// go together: throws Error with the one line that says which two do not, and what to change.
void CheckFit(const Config& config);

// Throws Error naming the first problem whose goal the verifier does not judge.
void CheckGoals(const Config& config, const std::string& file,
                const std::vector<Problem>& problems);

// "python_steps, verified by python, mcts, …": for the first line of a run.
std::string DescribeRecipe(const Config& config);

}  // namespace gradus
