#include "orchestrator/rounds/orders.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace gradus {
namespace {
using nlohmann::json;
}

std::string ToText(const PhaseOrder& o) {
  return json{{"policy", o.policy}, {"ppm", o.ppm}}.dump();
}

PhaseOrder ParsePhaseOrder(const std::string& text) {
  const json j = json::parse(text);
  return {j.at("policy"), j.at("ppm")};
}

std::string ToText(const TrainRequest& r) {
  json data = json::array();
  for (const auto& path : r.order.data) data.push_back(path.string());
  return json{{"kind", static_cast<int>(r.kind)},
              {"model", r.order.model.string()},
              {"output", r.order.output.string()},
              {"checkpoints", r.order.checkpoints.string()},
              {"held_out", r.order.held_out.string()},
              {"data", data},
              {"seed", r.order.seed},
              {"steps", r.steps}}
      .dump();
}

TrainRequest ParseTrainRequest(const std::string& text) {
  const json j = json::parse(text);
  TrainRequest r;
  r.kind = static_cast<TrainKind>(j.at("kind").get<int>());
  r.order.model = j.at("model").get<std::string>();
  r.order.output = j.at("output").get<std::string>();
  r.order.checkpoints = j.at("checkpoints").get<std::string>();
  r.order.held_out = j.at("held_out").get<std::string>();
  for (const json& path : j.at("data")) r.order.data.emplace_back(path.get<std::string>());
  r.order.seed = j.at("seed");
  r.steps = j.at("steps");
  return r;
}

std::string ToText(const TrainReport& r) {
  json j = {{"steps", r.steps},
            {"tokens", r.tokens},
            {"dropped_rows", r.dropped_rows},
            {"skipped_steps", r.skipped_steps},
            {"first_loss", r.first_loss},
            {"last_loss", r.last_loss},
            {"published_step", r.published_step},
            {"held_out_pairs", r.held_out_pairs}};
  if (!std::isnan(r.pair_accuracy)) j["pair_accuracy"] = r.pair_accuracy;
  return j.dump();
}

TrainReport ParseTrainReport(const std::string& text) {
  const json j = json::parse(text);
  TrainReport r;
  r.steps = j.at("steps");
  r.tokens = j.at("tokens");
  r.dropped_rows = j.at("dropped_rows");
  r.skipped_steps = j.at("skipped_steps");
  r.first_loss = j.value("first_loss", 0.0);
  r.last_loss = j.value("last_loss", 0.0);
  r.published_step = j.value("published_step", r.steps);
  r.held_out_pairs = j.at("held_out_pairs");
  r.pair_accuracy = j.value("pair_accuracy", std::nan(""));
  return r;
}

std::string ToText(const TrainProgress& p) {
  json j = {{"step", p.step},
            {"steps", p.steps},
            {"tokens", p.tokens},
            {"step_tokens", p.step_tokens},
            {"skipped_steps", p.skipped_steps}};
  ForEachNumber(p, [&](const char* name, double value) { j[name] = value; });
  return j.dump();
}

TrainProgress ParseTrainProgress(const std::string& text) {
  const json j = json::parse(text);
  TrainProgress p;
  p.step = j.at("step");
  p.steps = j.at("steps");
  p.tokens = j.at("tokens");
  p.step_tokens = j.at("step_tokens");
  p.skipped_steps = j.at("skipped_steps");
  // What is not finite is null in JSON.
  ForEachNumber(p, [&](const char* name, double& value) {
    value = j.at(name).is_number() ? j.at(name).get<double>() : kNotMeasured;
  });
  return p;
}

std::string ToText(const Problem& p) {
  return json{{"id", p.id},
              {"problem", p.problem},
              {"answer", p.answer},
              {"level", p.level},
              {"source", p.source},
              {"allowed_steps", p.allowed_steps},
              {"goal", ToJsonText(p.goal)}}
      .dump();
}

Problem ParseProblem(const std::string& text) {
  const json j = json::parse(text);
  return {j.at("id"),
          j.at("problem"),
          j.at("answer"),
          j.at("level"),
          j.at("source"),
          j.at("allowed_steps").get<std::vector<std::string>>(),
          ParseGoal(j.at("goal"))};
}

}  // namespace gradus
