#include <doctest/doctest.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "orchestrator/commands/commands.h"
#include "tests/fakes/temp_folder.h"
#include "workers/models/hf_folder.h"

namespace gradus {
namespace {

// `gradus generate` over these lines of input.
std::vector<nlohmann::json> Generate(const std::string& options, const std::string& input) {
  CLI::App app{"gradus"};
  int exit_code = 1;
  AddGenerateCommand(app, exit_code);
  std::istringstream in(input);
  std::ostringstream out;
  std::streambuf* const old_in = std::cin.rdbuf(in.rdbuf());
  std::streambuf* const old_out = std::cout.rdbuf(out.rdbuf());
  std::exception_ptr failure;
  try {
    app.parse("generate " + options, false);
  } catch (...) {
    failure = std::current_exception();
  }
  std::cin.rdbuf(old_in);
  std::cout.rdbuf(old_out);
  if (failure) std::rethrow_exception(failure);
  CHECK(exit_code == 0);
  std::vector<nlohmann::json> lines;
  std::istringstream text(out.str());
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

struct SmallModel {
  SmallModel() {
    RandomModelOptions shape;
    shape.num_layers = 2;
    MakeRandomModel(folder / "m", shape, {"<stop>"}, 3);
  }
  std::string options(const std::string& more) const {
    return "--model " + (folder / "m").string() + " --device cpu --max-tokens 60 " + more;
  }
  TempFolder folder;
};

const char* const kPrompts = "{\"text\": \"one\"}\n{\"text\": \"and another\"}\n";

}  // namespace

TEST_CASE("streamed pieces are each sample's text, and the answers are those without streaming") {
  const SmallModel model;
  const auto whole = Generate(model.options("--samples 3 --seed 5"), kPrompts);
  REQUIRE(whole.size() == 2);
  const auto streamed = Generate(model.options("--samples 3 --seed 5 --stream"), kPrompts);
  std::map<int, std::string> pieces;
  std::size_t answers = 0;
  for (const nlohmann::json& line : streamed) {
    if (line.contains("piece")) {
      pieces[line["sample"].get<int>()] += line["piece"].get<std::string>();
      continue;
    }
    CHECK(line == whole.at(answers));
    ++answers;
    CHECK(pieces[0] == line["text"].get<std::string>());
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(pieces[static_cast<int>(i) + 1] == line["more"][i]["text"].get<std::string>());
    }
    pieces.clear();
  }
  CHECK(answers == 2);
  CHECK(streamed.size() > 20);
}

TEST_CASE("--stop ends a sample with its text") {
  const SmallModel model;
  int stopped = 0;
  for (const nlohmann::json& line :
       Generate(model.options("--samples 20 --stop a --stop \" \""), kPrompts)) {
    for (const nlohmann::json& one : line["more"]) {
      const std::string text = one["text"].get<std::string>();
      const std::size_t at = text.find_first_of("a ");
      CHECK((one["ended"] == "stop-text") == (at != std::string::npos));
      if (at == std::string::npos) continue;
      CHECK(at + 1 == text.size());
      ++stopped;
    }
  }
  CHECK(stopped > 3);
}

}  // namespace gradus
