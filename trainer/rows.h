#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "schemas/training_row.h"
#include "trainer/step_plan.h"
#include "workers/policy/model_config.h"

namespace gradus {

// Rows that fit the model, and how many did not: too long, or without anything to learn.
template <class Row>
struct FittingRows {
  std::vector<Row> rows;
  std::uint64_t dropped = 0;
};

// Both read the files in order and throw Error naming file and row when a token is outside the
// vocabulary or a mask does not match its tokens.
FittingRows<SftRow> LoadSftRows(const std::vector<std::filesystem::path>& files,
                                const ModelConfig& config, int max_tokens);
FittingRows<PreferencePair> LoadPairs(const std::vector<std::filesystem::path>& files,
                                      const ModelConfig& config, int max_tokens);

RowShape ShapeOf(const SftRow& row);
RowShape ShapeOf(const PreferencePair& pair);

// Throws Error naming the files when no row is left to train on.
void RequireRows(std::size_t left, std::uint64_t dropped,
                 const std::vector<std::filesystem::path>& files);

}  // namespace gradus
