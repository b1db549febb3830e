#include "orchestrator/rounds/orders.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "schemas/base/error.h"

namespace gradus {
namespace {

using nlohmann::json;

class JsonWriter {
 public:
  template <class T>
  void operator()(const char* name, const T& value) {
    object_[name] = value;
  }
  void operator()(const char* name, const Goal& goal) { object_[name] = ToJsonText(goal); }
  // A number that is not finite is left out, since JSON has no word for it.
  template <class T>
  void Optional(const char* name, T value, T) {
    if (std::isfinite(value)) object_[name] = value;
  }
  std::string Text() const { return object_.dump(); }

 private:
  json object_ = json::object();
};

class JsonReader {
 public:
  explicit JsonReader(const std::string& text) : object_(json::parse(text)) {}
  template <class T>
  void operator()(const char* name, T& value) {
    value = object_.at(name).get<T>();
  }
  void operator()(const char* name, Goal& goal) { goal = ParseGoal(object_.at(name)); }
  template <class T>
  void Optional(const char* name, T& value, T otherwise) {
    const auto found = object_.find(name);
    value = found == object_.end() || found->is_null() ? otherwise : found->get<T>();
  }

 private:
  json object_;
};

// Each kind of text lists its fields once, for both ways.

void Fields(auto& io, SearchOrder& o) {
  io("policy", o.policy);
  io("ppm", o.ppm);
}

void Fields(auto& io, TrainRequest& r) {
  io("kind", r.kind);
  io("model", r.order.model);
  io("output", r.order.output);
  io("checkpoints", r.order.checkpoints);
  io("held_out", r.order.held_out);
  io("data", r.order.data);
  io("seed", r.order.seed);
  io("steps", r.steps);
}

void Fields(auto& io, TrainReport& r) {
  io("steps", r.steps);
  io("tokens", r.tokens);
  io("dropped_rows", r.dropped_rows);
  io("skipped_steps", r.skipped_steps);
  io.Optional("first_loss", r.first_loss, kNotMeasured);
  io.Optional("last_loss", r.last_loss, kNotMeasured);
  io.Optional("published_step", r.published_step, r.steps);
  io("held_out_pairs", r.held_out_pairs);
  io.Optional("pair_accuracy", r.pair_accuracy, kNotMeasured);
}

void Fields(auto& io, TrainProgress& p) {
  io("step", p.step);
  io("steps", p.steps);
  io("tokens", p.tokens);
  io("step_tokens", p.step_tokens);
  io("skipped_steps", p.skipped_steps);
  ForEachNumber(p, [&](const char* name, auto& value) { io.Optional(name, value, kNotMeasured); });
}

void Fields(auto& io, Problem& p) {
  io("id", p.id);
  io("problem", p.problem);
  io("answer", p.answer);
  io("level", p.level);
  io("source", p.source);
  io("allowed_steps", p.allowed_steps);
  io("goal", p.goal);
}

std::string Write(auto value) {
  JsonWriter out;
  Fields(out, value);
  return out.Text();
}

template <class T>
T Read(const std::string& text) {
  try {
    JsonReader in(text);
    T value;
    Fields(in, value);
    return value;
  } catch (const json::exception& error) {
    Fail("an order or report cannot be read: {}", error.what());
  }
}

}  // namespace

std::string ToText(const SearchOrder& order) { return Write(order); }
SearchOrder ParseSearchOrder(const std::string& text) { return Read<SearchOrder>(text); }
std::string ToText(const TrainRequest& request) { return Write(request); }
TrainRequest ParseTrainRequest(const std::string& text) { return Read<TrainRequest>(text); }
std::string ToText(const TrainReport& report) { return Write(report); }
TrainReport ParseTrainReport(const std::string& text) { return Read<TrainReport>(text); }
std::string ToText(const TrainProgress& progress) { return Write(progress); }
TrainProgress ParseTrainProgress(const std::string& text) { return Read<TrainProgress>(text); }
std::string ToText(const Problem& problem) { return Write(problem); }
Problem ParseProblem(const std::string& text) { return Read<Problem>(text); }

}  // namespace gradus
