#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "workers/models/tokenizer/tokenizer.h"

namespace gradus {
namespace {

std::string TextOf(const std::string& line, int number) {
  const auto request = nlohmann::json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("text") || !request["text"].is_string()) {
    Fail("standard input, line {}: expected {{\"text\": \"…\"}}", number);
  }
  return request["text"].get<std::string>();
}

void TokenizeLines(const std::string& model, std::istream& in, std::ostream& out) {
  const Tokenizer tokenizer = Tokenizer::Load(model);
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const std::vector<TokenId> ids = tokenizer.EncodeWithSpecials(TextOf(line, number));
    const nlohmann::ordered_json reply = {{"ids", ids}, {"decoded", tokenizer.Decode(ids)}};
    out << reply.dump() << "\n";
  }
  out.flush();
}

}  // namespace

void AddTokenizeCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand(
      "tokenize", "Encode and decode texts: JSON lines {\"text\"} to {\"ids\",\"decoded\"}");
  const auto model = std::make_shared<std::string>();
  command->add_option("--model", *model, "folder that holds tokenizer.json")->required();
  command->add_flag("--json")->description("output is JSON lines in any case");
  command->callback([model, &exit_code] {
    TokenizeLines(*model, std::cin, std::cout);
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
