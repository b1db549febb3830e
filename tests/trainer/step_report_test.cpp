#include "trainer/step_report.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "trainer/collectives/tree_sum.h"

namespace gradus {
namespace {

const std::vector<double> kLosses = {0.1, 0.7, 1e-9, 3e8, 0.3};
const std::vector<double> kSquares = {4, 1e-12, 9};

StepReport Of(int rank, int ranks) {
  const auto part = [&](const std::vector<double>& values) {
    const LeafRange own = LeavesOf(rank, ranks, int(values.size()));
    return SubtreeSums({values.begin() + own.first, values.begin() + own.last}, own,
                       int(values.size()));
  };
  StepReport report;
  report.losses = part(kLosses);
  report.squares = part(kSquares);
  report.compute_s = 1 + rank;
  report.flops = 12.0 / ranks;
  report.right = rank == 0 ? 3 : 0;
  report.pairs = rank == 0 ? 4 : 0;
  report.saver = "saved";
  return report;
}

TEST_CASE("A step's report comes back from its bytes, and a torn one is refused") {
  StepReport report = Of(1, 2);
  report.stop = true;
  const std::string bytes = report.ToBytes();
  const StepReport back = StepReport::FromBytes(bytes);
  CHECK(back.stop);
  CHECK(back.losses == report.losses);
  CHECK(back.squares == report.squares);
  CHECK(back.compute_s == 2);
  CHECK(back.flops == 6);
  CHECK(back.saver == "saved");
  for (std::size_t length = 0; length < bytes.size(); ++length)
    CHECK_THROWS_AS(StepReport::FromBytes(bytes.substr(0, length)), Error);
}

TEST_CASE("Ranks agree on the same loss and norm however many they are") {
  const StepOutcome one = Agree({Of(0, 1)}, 5, 3);
  for (int ranks : {2, 3, 4}) {
    std::vector<StepReport> reports;
    for (int rank = 0; rank < ranks; ++rank) reports.push_back(Of(rank, ranks));
    const StepOutcome outcome = Agree(reports, 5, 3);
    CHECK(outcome.loss == one.loss);
    CHECK(outcome.norm == one.norm);
    CHECK(outcome.slowest_compute == ranks);
    CHECK(outcome.flops == 12);
    CHECK(outcome.right / outcome.pairs == 0.75);
    CHECK(!outcome.stop);
    reports.back().stop = true;
    CHECK(Agree(reports, 5, 3).stop);
  }
}

}  // namespace
}  // namespace gradus
