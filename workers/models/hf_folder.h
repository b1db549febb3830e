#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "workers/models/model_config.h"

namespace gradus {

// Folder-level operations on Hugging Face model folders, without torch in sight.

// Makes a random-weight Qwen2 folder: config.json, generation_config.json, model.safetensors and a
// byte tokenizer with `added_tokens`, <|endoftext|> among them in any case: it ends a text.
// Embedding std 0.02, linears 1/√fan_in, output projections further /√(2·layers).
void MakeRandomModel(const std::filesystem::path& folder, const RandomModelOptions& options,
                     const std::vector<std::string>& added_tokens, Seed seed);

// Copies a model folder with `tokens` added as special tokens, for checkpoints that lack a method's
// markers. New ids take the padding that a vocabulary larger than its tokenizer has; beyond it the
// embedding (and an untied head) grow. A new row is the mean of the rows of the tokens that its
// text was before, or of all rows where it was none, plus a little noise from the seed; nothing
// ever shrinks, known tokens stay as they are.
void AddTokens(const std::filesystem::path& from, const std::filesystem::path& to,
               const std::vector<std::string>& tokens, Seed seed);

// Throws Error (one line) unless the folder holds a model gradus can load: config, weights index,
// tokenizer.
void CheckModelFolder(const std::filesystem::path& folder);

// SHA-256 over config.json, the weights and (if there) value_head.safetensors: the model's
// identity.
std::string ModelDigest(const std::filesystem::path& folder);

}  // namespace gradus
