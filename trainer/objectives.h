#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "trainer/data/record.h"
#include "trainer/data/step_plan.h"

namespace gradus {

struct LossOptions;
struct Model;
struct PackLoss;
class RecordLayout;

// Adds up the terms of a pack's targets and divides by `divisor`, a count of the whole step: so
// packs, leaves and ranks add up to the step's loss whatever they hold. See losses.h.
using Kernel = PackLoss (*)(const Model& model, const RecordLayout& pack,
                            const LossOptions& options, double divisor);

// What the terms of a step are divided by for its mean: a count over all records of the step, of
// all leaves and ranks.
enum class Divisor : std::uint8_t { kRecords, kTargets, kWeights };

// One way to train: a line of the table in objectives.cpp.
struct Objective {
  const char* name;      // In the configuration.
  Kernel kernel;         // What it adds up.
  RecordSource records;  // How rows become the records that it learns from.
  Divisor divisor;
  bool whole_only = false;  // Pairs: of whole trajectories alone.
};

// Throws Error listing the known names when `name` is not one of them.
const Objective& FindObjective(std::string_view name);

// The divisor of one step; the same number on every rank.
double CountOf(Divisor divisor, const std::vector<Record>& records, const StepPlan& step);

}  // namespace gradus
