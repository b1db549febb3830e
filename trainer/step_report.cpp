#include "trainer/step_report.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "schemas/base/bytes.h"
#include "trainer/collectives/tree_sum.h"

namespace gradus {

std::string StepReport::ToBytes() const {
  ByteWriter bytes;
  bytes.Put(stop).PutArray(losses).PutArray(squares);
  return bytes.Put(compute_s).Put(flops).Put(right).Put(pairs).PutString(saver).Take();
}

StepReport StepReport::FromBytes(const std::string& bytes) {
  ByteReader reader(bytes);
  StepReport report;
  report.stop = reader.Get<bool>();
  report.losses = reader.GetArray<double>();
  report.squares = reader.GetArray<double>();
  for (double* number : {&report.compute_s, &report.flops, &report.right, &report.pairs})
    *number = reader.Get<double>();
  report.saver = reader.GetString();
  return report;
}

StepOutcome Agree(std::vector<StepReport> reports, int leaves, int blocks) {
  StepOutcome outcome;
  std::vector<std::vector<double>> losses, squares;
  for (StepReport& report : reports) {
    outcome.stop = outcome.stop || report.stop;
    outcome.slowest_compute = std::max(outcome.slowest_compute, report.compute_s);
    outcome.flops += report.flops;
    outcome.right += report.right;
    outcome.pairs += report.pairs;
    losses.push_back(std::move(report.losses));
    squares.push_back(std::move(report.squares));
  }
  outcome.loss = FinishTreeSum(losses, leaves);
  outcome.norm = std::sqrt(FinishTreeSum(squares, blocks));
  return outcome;
}

}  // namespace gradus
