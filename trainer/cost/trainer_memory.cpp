#include "trainer/cost/trainer_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

namespace gradus {
namespace {

// The most partial sums that wait at once.
std::size_t PartialBuffers(LeafRange own, int leaves) {
  TreeCounter counter(leaves);
  std::size_t most = 0;
  for (int leaf = own.first; leaf < own.last; ++leaf) {
    counter.Arrive({leaf, 0});
    most = std::max(most, counter.waiting().size());
  }
  return most;
}

}  // namespace

TrainerMemory MemoryOf(const MemoryPlan& plan) {
  const bool bf16 = plan.precision == Precision::kBf16;
  const auto all = double(plan.parameters), own = double(plan.shard);
  TrainerMemory memory;
  memory.values = (bf16 ? 2 : 4) * all;
  memory.gradient = 4 * all;
  memory.partial_sums = 4 * all * double(PartialBuffers(plan.own, plan.leaves));
  // Summed gradient and two moments; master weights where the model is no fp32 itself.
  memory.shard = (4 + 8 + (bf16 ? 4 : 0) + (plan.best ? 4 : 0)) * own;
  return memory;
}

std::string Describe(const MemoryPlan& plan) {
  const TrainerMemory m = MemoryOf(plan);
  return fmt::format(
      "{:.1f} MB of values + {:.1f} of gradient + {:.1f} of partial sums + {:.1f} of optimizer "
      "shard "
      "= {:.1f} MB for {:.3f} M parameters, {:.3f} M in the shard",
      m.values / 1e6, m.gradient / 1e6, m.partial_sums / 1e6, m.shard / 1e6, m.Total() / 1e6,
      double(plan.parameters) / 1e6, double(plan.shard) / 1e6);
}

double ResidentBytes() {
  double total_pages = 0, pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> pages;
  return pages * double(::sysconf(_SC_PAGESIZE));
}

}  // namespace gradus
