#pragma once
#include <vector>

#include "schemas/files/training_row.h"
#include "schemas/problem.h"
#include "workers/environments/environment.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {

// Supervised rows of worked solutions: prompt (no loss) + solution + end of sequence. With
// `mask_output`, no loss on what the world writes at search time.
std::vector<SftRow> DemonstrationRows(const std::vector<Demonstration>& demonstrations,
                                      const Environment& environment, const Tokenizer& tokenizer,
                                      bool mask_output);

}  // namespace gradus
