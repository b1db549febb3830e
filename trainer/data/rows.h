#pragma once
#include <cstdint>
#include <filesystem>
#include <vector>

#include "trainer/data/record.h"
#include "trainer/data/step_plan.h"
#include "workers/models/model_config.h"

namespace gradus {

// Records that fit the model, and how many did not: too long, or without anything to learn.
struct FittingRecords {
  std::vector<Record> records;
  std::uint64_t dropped = 0;
};

// Reads the rows of the files in order, as `source` turns them into records. Throws Error naming
// file and row when a token is outside the vocabulary or a mask does not match its tokens.
FittingRecords LoadRecords(const RecordSource& source,
                           const std::vector<std::filesystem::path>& files,
                           const ModelConfig& config, int max_tokens);

// For the planner: records with one prefix are one group.
std::vector<RowShape> ShapesOf(const std::vector<Record>& records);

// Says how many rows were left out and why, if any were.
void TellDropped(std::uint64_t dropped, const ModelConfig& config, int max_tokens);

// Throws Error naming the files when no row is left to train on.
void RequireRows(std::size_t left, std::uint64_t dropped,
                 const std::vector<std::filesystem::path>& files);

}  // namespace gradus
