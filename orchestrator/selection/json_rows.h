#pragma once
#include <filesystem>
#include <string>

#include "orchestrator/selection/supervised_row.h"

namespace gradus {

// How JSON lines become training rows.
struct JsonRowOptions {
  std::string prompt = "{prompt}";  // Around the line's prompt.
  ResponseLoss loss;
  std::string TemplateDigest() const;  // SHA-256 of `prompt`.
};
// Throws Error unless the template has the prompt in it, once.
void CheckOptions(const JsonRowOptions& options);

// {"prompt", "response"} a line become supervised rows in `rows_file`. Throws Error naming file and
// line.
void ConvertSftRows(const std::filesystem::path& lines, const Tokenizer& tokenizer,
                    const JsonRowOptions& options, const std::filesystem::path& rows_file);

// {"prompt", "chosen", "rejected"} a line become pairs in `rows_file`, each side scored after its
// last token. Where an objective wants them: "q_chosen" and "q_rejected" are what pqm learns, and
// "final_step": 1 marks two whole solutions, which orm learns from.
void ConvertPairs(const std::filesystem::path& lines, const Tokenizer& tokenizer,
                  const JsonRowOptions& options, const std::filesystem::path& rows_file);

}  // namespace gradus
