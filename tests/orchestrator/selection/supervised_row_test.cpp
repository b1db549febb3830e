#include "orchestrator/selection/supervised_row.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/fakes/temp_folder.h"
#include "workers/models/hf_folder.h"

using namespace gradus;

namespace {

// A byte tokenizer with these added tokens.
Tokenizer Made(const TempFolder& folder, const std::vector<std::string>& added) {
  RandomModelOptions shape;
  shape.hidden_size = 8;
  shape.intermediate_size = 8;
  shape.num_layers = 1;
  shape.num_heads = 1;
  shape.num_kv_heads = 1;
  MakeRandomModel(folder / "model", shape, added, 1);
  return Tokenizer::Load(folder / "model");
}

// The text of a row's tokens under loss, the last token (the text's end) left out.
std::string Learnt(const Tokenizer& tokenizer, const SftRow& row, int wanted) {
  std::vector<TokenId> tokens;
  for (std::size_t i = 0; i + 1 < row.tokens.size(); ++i) {
    if (row.mask[i] == wanted) tokens.push_back(row.tokens[i]);
  }
  return tokenizer.Decode(tokens);
}

const std::string kPrompt = "1+1?", kFirst = "code", kShown = "<out>2</out>", kLast = "so 2";

}  // namespace

TEST_CASE("What the world writes bears no loss, be its markers tokens or plain text") {
  for (const std::vector<std::string>& added :
       {std::vector<std::string>{"<out>", "</out>"}, std::vector<std::string>{}}) {
    const TempFolder folder;
    const Tokenizer tokenizer = Made(folder, added);
    ResponseLoss loss;
    loss.unlearnt = std::pair("<out>", "</out>");
    const SftRow row = MakeSupervisedRow(tokenizer, kPrompt, kFirst + kShown + kLast, loss);
    REQUIRE(row.tokens.size() == row.mask.size());
    CHECK(tokenizer.Decode(row.tokens).starts_with(kPrompt + kFirst + kShown + kLast));
    CHECK(Learnt(tokenizer, row, 1) == kFirst + kLast);
    CHECK(Learnt(tokenizer, row, 0) == kPrompt + kShown);
    CHECK(row.mask.back() == 1);
  }
}

TEST_CASE("Without such a rule all of the response is learnt, and the end where it is wanted") {
  const TempFolder folder;
  const Tokenizer tokenizer = Made(folder, {});
  const SftRow row = MakeSupervisedRow(tokenizer, kPrompt, kFirst + kShown, {});
  CHECK(Learnt(tokenizer, row, 1) == kFirst + kShown);
  const SftRow open = MakeSupervisedRow(tokenizer, kPrompt, kFirst, {.eos = false, .unlearnt = {}});
  CHECK(open.tokens.size() == kPrompt.size() + kFirst.size());
}

TEST_CASE("An opening without an end leaves the rest without loss") {
  const TempFolder folder;
  const Tokenizer tokenizer = Made(folder, {});
  ResponseLoss loss;
  loss.unlearnt = std::pair("<out>", "</out>");
  const SftRow row = MakeSupervisedRow(tokenizer, kPrompt, "a<out>b<out>", loss);
  CHECK(Learnt(tokenizer, row, 1) == "a");
  CHECK(MakeSupervisedRow(tokenizer, kPrompt, "", loss).tokens.size() == kPrompt.size() + 1);
}
