#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "schemas/training_row.h"
#include "trainer/data/step_plan.h"
#include "workers/models/model_config.h"

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

// For the planner: pairs with one prefix are one group.
std::vector<RowShape> ShapesOf(const std::vector<SftRow>& rows);
std::vector<RowShape> ShapesOf(const std::vector<PreferencePair>& pairs);

// Says how many rows were left out and why, if any were.
void TellDropped(std::uint64_t dropped, const ModelConfig& config, int max_tokens);

// Throws Error naming the files when no row is left to train on.
void RequireRows(std::size_t left, std::uint64_t dropped,
                 const std::vector<std::filesystem::path>& files);

}  // namespace gradus
