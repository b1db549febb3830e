#include "orchestrator/train_log.h"

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
  const double now = MonotonicSeconds(), unix_s = WallSeconds();
  std::vector<std::pair<std::string, double>> scalars = {
      {"loss", progress.loss},
      {"lr", progress.lr},
      {"grad_norm", progress.grad_norm},
      {"skipped_steps", static_cast<double>(progress.skipped_steps)}};
  // The first step of a process says nothing about the rate: it also loads the model.
  if (last_tokens_ && now > last_s_) {
    scalars.emplace_back("tokens_per_s",
                         static_cast<double>(progress.tokens - *last_tokens_) / (now - last_s_));
  }
  last_tokens_ = progress.tokens;
  last_s_ = now;
  nlohmann::ordered_json line = {{"step", progress.step}, {"steps", progress.steps}};
  for (const auto& [name, value] : scalars) line[name] = value;
  line["tokens"] = progress.tokens;
  line["unix_s"] = unix_s;
  lines_ << line.dump() << std::endl;
  events_.Add(progress.step, unix_s, scalars);
}

}  // namespace gradus
