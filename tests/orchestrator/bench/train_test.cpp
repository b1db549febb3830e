#include "orchestrator/bench/train.h"

#include <doctest/doctest.h>

#include <fstream>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"

using namespace gradus;

TEST_CASE("The training benchmark counts what its workloads ask for, and keeps them when asked") {
  const TempFolder scratch;
  TrainBenchOptions options;
  options.steps = 1;
  options.rows = 3;
  options.hidden = 16;
  options.layers = 1;
  options.heads = 2;
  options.kv_heads = 1;
  options.ffn = 16;
  options.vocabulary = 300;
  options.shortest = options.longest = 20;
  options.prompt = 4;
  options.prefix = 12;
  options.side = 5;
  options.inputs = scratch / "inputs";
  const nlohmann::ordered_json figures = BenchTrain(options);
  CHECK(figures["sft"]["tokens"] == 60);
  CHECK(figures["pairs"]["tokens"] == 3 * 2 * 17);
  CHECK(figures["pairs"]["gflops"] > 0);
  CHECK(figures["pairs"]["share_of_bound"] > 0);
  CHECK(figures["sft"]["share_of_time"]["matrix products"] > 0);
  CHECK(figures["sft"]["share_of_time"]["attention"] > 0);
  CHECK(fs::exists(options.inputs / "model" / "model.safetensors"));
  std::ifstream rows(options.inputs / "sft.jsonl");
  int lines = 0;
  for (std::string line; std::getline(rows, line); ++lines)
    CHECK(nlohmann::json::parse(line)["mask"].size() == 20);
  CHECK(lines == 3);
  options.vocabulary = 100;
  CHECK_THROWS_WITH_AS(BenchTrain(options), doctest::Contains("vocabulary"), Error);
}
