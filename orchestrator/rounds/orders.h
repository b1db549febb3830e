#pragma once
#include <cstdint>
#include <string>

#include "schemas/problem.h"
#include "trainer/train.h"

namespace gradus {

// What coordinator and workers write inside the protocol's messages, as JSON text. Each Parse
// throws Error when the text is not what its ToText writes.

// Models of one keyed part. `ppm` may be empty.
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

// Also kept in a round's folder.
std::string ToText(const TrainReport& report);
TrainReport ParseTrainReport(const std::string& text);
std::string ToText(const TrainProgress& progress);
TrainProgress ParseTrainProgress(const std::string& text);

// A lease's payload.
std::string ToText(const Problem& problem);
Problem ParseProblem(const std::string& text);

}  // namespace gradus
