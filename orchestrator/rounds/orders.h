#pragma once
#include <string>
#include <vector>

#include "schemas/base/seed.h"
#include "schemas/problem.h"
#include "trainer/train.h"

namespace gradus {

// What the coordinator tells workers to do, as JSON text inside the protocol's messages.

// Models of one rollout-like phase. `ppm` may be empty.
struct SearchOrder {
  std::string policy, ppm;
};
std::string ToText(const SearchOrder& order);
SearchOrder ParseSearchOrder(const std::string& text);

// Which options of the configuration a training order uses.
enum class TrainKind : std::uint8_t { kBootstrap, kPolicy, kPpm };

struct TrainRequest {
  TrainKind kind = TrainKind::kPolicy;
  TrainOrder order;
  int steps =
      0;  // Overrides the configuration's steps when above 0 (the control repeats the policy's).
};
std::string ToText(const TrainRequest& request);
TrainRequest ParseTrainRequest(const std::string& text);

std::string ToText(const TrainReport& report);
TrainReport ParseTrainReport(const std::string& text);
std::string ToText(const TrainProgress& progress);
TrainProgress ParseTrainProgress(const std::string& text);

// A lease's payload.
std::string ToText(const Problem& problem);
Problem ParseProblem(const std::string& text);

}  // namespace gradus
