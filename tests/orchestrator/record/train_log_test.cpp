#include "orchestrator/record/train_log.h"

#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "orchestrator/rounds/orders.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"

namespace gradus {
namespace {

TrainProgress Step() {
  TrainProgress p;
  p.step = 3;
  p.steps = 9;
  p.loss = 0.5;
  p.lr = 1e-3;
  p.grad_norm = 2;
  p.tokens = 700;
  p.step_tokens = 200;
  p.seconds = {.compute = 1, .wait = 0.5, .update = 0.25, .gather = 0.125, .rest = 0.125};
  p.slowest_compute = 1.25;
  p.flops = 8e9;
  p.bound = 16e9;
  return p;
}

std::vector<nlohmann::json> Lines(const fs::path& folder) {
  std::istringstream text(ReadFile(folder / "steps.jsonl"));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

std::string Events(const fs::path& folder) {
  std::string all;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with("events.")) all += ReadFile(entry.path());
  }
  return all;
}

TEST_CASE("A step's line has its rate, where its time went and the share of the bound") {
  const TempFolder folder;
  TrainLog(folder.path()).Add(Step());
  const auto lines = Lines(folder.path());
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["step"] == 3);
  CHECK(lines[0]["tokens"] == 700);
  CHECK(lines[0]["tokens_per_s"] == 100);
  CHECK(lines[0]["step_s"] == 2);
  CHECK(lines[0]["wait_s"] == 0.5);
  CHECK(lines[0]["slowest_compute_s"] == 1.25);
  CHECK(lines[0]["share_of_bound"] == 0.25);
  const std::string events = Events(folder.path());
  for (const char* tag : {"loss", "tokens_per_s", "share_of_bound", "compute_s", "gather_s"})
    CHECK(events.find(tag) != std::string::npos);
}

TEST_CASE("A figure that there is none of has no place in the line; a loss beyond numbers has") {
  const TempFolder folder;
  TrainProgress p = Step();
  p.bound = 0;
  p.loss = std::nan("");
  {
    TrainLog log(folder.path());
    log.Add(p);
    p.pair_accuracy = 0.75;
    p.held_out_accuracy = 0.5;
    log.Add(p);
  }
  TrainLog(folder.path()).Add(Step());
  const auto lines = Lines(folder.path());
  REQUIRE(lines.size() == 3);
  CHECK(!lines[0].contains("share_of_bound"));
  CHECK(!lines[0].contains("pair_accuracy"));
  CHECK(lines[0]["loss"].is_null());
  CHECK(lines[1]["pair_accuracy"] == 0.75);
  CHECK(lines[1]["held_out_accuracy"] == 0.5);
  CHECK(lines[2]["loss"] == 0.5);
}

TEST_CASE("Progress comes back from its text, with what is unknown or not finite unknown") {
  TrainProgress p = Step();
  p.pair_accuracy = 0.625;
  p.skipped_steps = 2;
  p.grad_norm = std::nan("");
  const TrainProgress back = ParseTrainProgress(ToText(p));
  CHECK(back.step == 3);
  CHECK(back.steps == 9);
  CHECK(back.tokens == 700);
  CHECK(back.step_tokens == 200);
  CHECK(back.skipped_steps == 2);
  CHECK(back.loss == 0.5);
  CHECK(std::isnan(back.grad_norm));
  CHECK(back.seconds.Total() == 2);
  CHECK(back.ShareOfBound() == 0.25);
  CHECK(back.pair_accuracy == 0.625);
  CHECK(std::isnan(back.held_out_accuracy));
}

}  // namespace
}  // namespace gradus
