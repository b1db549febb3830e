#include "orchestrator/record/train_log.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {

TrainLog::TrainLog(const std::filesystem::path& folder) : events_(folder, WallSeconds()) {
  const std::filesystem::path file = folder / "steps.jsonl";
  lines_.open(file, std::ios::app);
  if (!lines_) Fail("{}: cannot be written", file.string());
}

void TrainLog::Add(const TrainProgress& progress) {
  const double unix_s = WallSeconds();
  std::vector<std::pair<std::string, double>> scalars;
  const auto add = [&](const std::string& name, double value) {
    scalars.emplace_back(name, value);
  };
  ForEachNumber(progress, [&](const std::string& name, double value) {
    // A loss that is not finite is news; of the others it means that there is no such figure.
    const bool news = name == "loss" || name == "grad_norm";
    if (news || !std::isnan(value)) add(name, value);
  });
  add("step_s", progress.seconds.Total());
  add("tokens_per_s", progress.TokensPerSecond());
  if (progress.bound > 0) add("share_of_bound", progress.ShareOfBound());
  add("skipped_steps", static_cast<double>(progress.skipped_steps));
  nlohmann::ordered_json line = {{"step", progress.step}, {"steps", progress.steps}};
  for (const auto& [name, value] : scalars) line[name] = value;
  line["tokens"] = progress.tokens;
  line["unix_s"] = unix_s;
  lines_ << line.dump() << std::endl;
  events_.Add(progress.step, unix_s, scalars);
}

}  // namespace gradus
