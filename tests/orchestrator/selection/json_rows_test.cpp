#include "orchestrator/selection/json_rows.h"

#include <doctest/doctest.h>

#include "schemas/base/error.h"
#include "schemas/base/file.h"
#include "tests/fakes/temp_folder.h"
#include "workers/environments/python_steps.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

struct Workplace {
  Workplace() {
    RandomModelOptions shape;
    shape.hidden_size = 16;
    shape.intermediate_size = 16;
    shape.num_layers = 1;
    shape.num_heads = 2;
    shape.num_kv_heads = 1;
    MakeRandomModel(folder.path() / "model", shape, MarkerTokens(), 1);
    tokenizer.emplace(Tokenizer::Load(folder.path() / "model"));
  }
  SftRow Row(const std::string& line, const JsonRowOptions& options = {}) const {
    WriteFileAtomically(folder.path() / "rows.jsonl", line + "\n");
    const fs::path rows = folder.path() / "rows.h5";
    ConvertSftRows(folder.path() / "rows.jsonl", *tokenizer, options, rows);
    return ReadSftRows(rows).at(0);
  }
  // The text under the loss.
  std::string Learned(const SftRow& row) const {
    std::vector<TokenId> learned;
    for (std::size_t i = 0; i < row.tokens.size(); ++i) {
      if (row.mask[i] != 0) learned.push_back(row.tokens[i]);
    }
    return tokenizer->Decode(learned);
  }
  TempFolder folder;
  std::optional<Tokenizer> tokenizer;
};

const std::string kLine = R"({"prompt": "1+1=", "response": "x<output>y<end_of_output>z"})";

TEST_CASE("A supervised row learns the response and its end, and nothing of the prompt") {
  const Workplace place;
  const SftRow row = place.Row(kLine);
  CHECK(place.tokenizer->Decode(row.tokens) == "1+1=x<output>y<end_of_output>z<|endoftext|>");
  CHECK(place.Learned(row) == "x<output>y<end_of_output>z<|endoftext|>");
}

TEST_CASE("Output and end are left out of the loss on request") {
  const Workplace place;
  JsonRowOptions options;
  options.loss.unlearnt = std::pair(marker::kOutput, marker::kEndOfOutput);
  CHECK(place.Learned(place.Row(kLine, options)) == "xz<|endoftext|>");
  options.loss.eos = false;
  CHECK(place.Learned(place.Row(kLine, options)) == "xz");
  // Nobody closed it: all of the rest is output.
  CHECK(place.Learned(place.Row(R"({"prompt": "p", "response": "a<output>b"})", options)) == "a");
}

TEST_CASE("A template goes around the prompt, once and as it is") {
  const Workplace place;
  JsonRowOptions options;
  options.prompt = "Q: {prompt}\nA: ";
  const SftRow row = place.Row(R"({"prompt": "a {prompt}", "response": "b"})", options);
  CHECK(place.tokenizer->Decode(row.tokens) == "Q: a {prompt}\nA: b<|endoftext|>");
  CHECK(place.Learned(row) == "b<|endoftext|>");
  CHECK(options.TemplateDigest() != JsonRowOptions().TemplateDigest());
  CheckOptions(options);
  for (const char* wrong : {"", "Q: ", "{prompt} {prompt}", "{problem}"}) {
    options.prompt = wrong;
    CHECK_THROWS_WITH_AS(CheckOptions(options), doctest::Contains("{prompt}"), Error);
  }
}

TEST_CASE("A pair's prompt stands in the template too, and a bad number is refused by line") {
  const Workplace place;
  const fs::path lines = place.folder.path() / "pairs.jsonl", rows = place.folder.path() / "p.h5";
  JsonRowOptions options;
  options.prompt = "<{prompt}>";
  WriteFileAtomically(
      lines, R"({"prompt": "p", "chosen": "c", "rejected": "r", "q_chosen": 0.5, "final_step": 1})"
             "\n");
  ConvertPairs(lines, *place.tokenizer, options, rows);
  const PreferencePair pair = ReadPairs(rows).at(0);
  CHECK(place.tokenizer->Decode(pair.prefix) == "<p>");
  CHECK(place.tokenizer->Decode(pair.chosen) == "c");
  CHECK(pair.q_chosen == 0.5);
  CHECK(pair.final_step);
  WriteFileAtomically(lines,
                      R"({"prompt": "p", "chosen": "c", "rejected": "r", "q_chosen": "much"})"
                      "\n");
  CHECK_THROWS_WITH_AS(ConvertPairs(lines, *place.tokenizer, options, rows),
                       doctest::Contains("pairs.jsonl:1"), Error);
}

}  // namespace
}  // namespace gradus
