#pragma once
#include <vector>

#include "schemas/problem.h"
#include "schemas/training_row.h"
#include "workers/environments/python_steps.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {

// Supervised rows of worked solutions: prompt (no loss) + solution + end of sequence. With
// `mask_output`, no loss on what stands between <output> markers: at search time the harness writes
// it.
std::vector<SftRow> DemonstrationRows(const std::vector<Demonstration>& demonstrations,
                                      const EnvironmentOptions& environment,
                                      const Tokenizer& tokenizer, bool mask_output);

}  // namespace gradus
