#include <CLI/CLI.hpp>
#include <cmath>
#include <deque>
#include <future>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "workers/policy/engine.h"
#include "workers/policy/hf_folder.h"
#include "workers/policy/model_config.h"

namespace gradus {
namespace {

constexpr int kTop = 5;                 // Largest logits shown.
constexpr std::size_t kInFlight = 256;  // Requests read ahead of the answers.

struct GenerateOptions {
  std::string model;
  std::string type;
  bool greedy = false;
  int max_tokens = 0;
  int samples = 1;
  SamplingOptions sampling;
  std::uint64_t seed = 0;
};

// What one line asks for and what the engine will answer.
struct PendingLine {
  std::future<std::vector<Continuation>> continuations;
  std::future<double> prompt_logprob;
};

std::vector<TokenId> PromptOf(const std::string& line, int number, const Tokenizer& tokenizer) {
  const auto request = nlohmann::json::parse(line, nullptr, false);
  const bool object = request.is_object();
  if (object && request.contains("text") && request["text"].is_string()) {
    return tokenizer.EncodeWithSpecials(request["text"].get<std::string>());
  }
  if (!object || !request.contains("ids") || !request["ids"].is_array()) {
    Fail("standard input, line {}: expected {{\"ids\": […]}} or {{\"text\": \"…\"}}", number);
  }
  std::vector<TokenId> ids;
  for (const auto& id : request["ids"]) {
    if (!id.is_number_integer() || id.get<std::int64_t>() < 0 ||
        id.get<std::int64_t>() > INT32_MAX) {
      Fail("standard input, line {}: {} is not a token id", number, id.dump());
    }
    ids.push_back(id.get<TokenId>());
  }
  return ids;
}

// Every answer sits in a promise that the callback owns.
template <class Value>
std::pair<std::function<void(Value)>, std::future<Value>> Answer() {
  auto promise = std::make_shared<std::promise<Value>>();
  auto future = promise->get_future();
  return {[promise](Value value) { promise->set_value(std::move(value)); }, std::move(future)};
}

const char* EndedBy(StopReason reason) {
  switch (reason) {
    case StopReason::kStopId:
      return "stop";
    case StopReason::kContextFull:
      return "context-full";
    default:
      return "max-tokens";
  }
}

class GenerateSession {
 public:
  explicit GenerateSession(const GenerateOptions& options)
      : options_(options), tokenizer_(Tokenizer::Load(options.model)) {
    CheckModelFolder(options.model);
    if (!options.type.empty() && options.type != "float32") {
      Fail("--dtype {}: on CPU only float32 is supported", options.type);
    }
    EngineOptions engine;
    engine.kv_tokens = std::max(engine.kv_tokens, 2 * ReadModelConfig(options.model).max_positions);
    engine_ = MakeEngine(options.model, engine);
  }

  void Run(std::istream& in, std::ostream& out) {
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      if (line.empty()) continue;
      Submit(PromptOf(line, number, tokenizer_), number);
      if (pending_.size() >= kInFlight) Print(out);
    }
    while (!pending_.empty()) Print(out);
    out.flush();
  }

 private:
  void Submit(std::vector<TokenId> prompt, int number) {
    GenerateRequest request;
    request.context = Extend(nullptr, std::move(prompt));
    request.max_tokens = options_.max_tokens;
    request.stop_ids = tokenizer_.EosIds();
    request.samples = options_.samples;
    request.sampling = options_.sampling;
    if (options_.greedy) request.sampling.temperature = 0;
    request.seed = MixSeed(options_.seed, static_cast<std::uint64_t>(number));
    request.top_logits = kTop;
    auto [generated, continuations] = Answer<std::vector<Continuation>>();
    auto [summed, logprob] = Answer<double>();
    const SequencePtr context = request.context;
    engine_->Generate(std::move(request), std::move(generated));
    engine_->LogProb(context, std::move(summed));
    pending_.push_back({std::move(continuations), std::move(logprob)});
  }

  nlohmann::ordered_json Told(const Continuation& result) const {
    return {{"ids", result.tokens},
            {"text", tokenizer_.Decode(result.tokens)},
            {"logprobs", result.logprobs},
            {"ended", EndedBy(result.reason)}};
  }

  void Print(std::ostream& out) {
    const std::vector<Continuation> results = pending_.front().continuations.get();
    const double logprob = pending_.front().prompt_logprob.get();
    pending_.pop_front();
    const Continuation& result = results.at(0);
    nlohmann::ordered_json reply = Told(result);
    for (std::size_t i = 1; i < results.size(); ++i) reply["more"].push_back(Told(results[i]));
    reply.update({{"logprob_prompt", nullptr}, {"top", nlohmann::ordered_json::array()}});
    if (!std::isnan(logprob)) reply["logprob_prompt"] = logprob;
    for (const auto& [id, logit] : result.top) reply["top"].push_back({id, logit});
    out << reply.dump() << "\n";
  }

  GenerateOptions options_;
  Tokenizer tokenizer_;
  std::unique_ptr<Engine> engine_;
  std::deque<PendingLine> pending_;
};

}  // namespace

void AddGenerateCommand(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("generate",
                                         "Continue prompts: JSON lines {\"ids\"} or {\"text\"} to "
                                         "{\"ids\",\"text\",\"logprobs\",\"ended\","
                                         "\"logprob_prompt\",\"top\"}");
  const auto options = std::make_shared<GenerateOptions>();
  command->add_option("--model", options->model, "Hugging Face model folder")->required();
  command->add_option("--max-tokens", options->max_tokens, "new tokens at most")
      ->required()
      ->check(CLI::Range(1, 1 << 20));
  command->add_flag("--greedy", options->greedy, "always the most likely token");
  command->add_option("--samples", options->samples, "of each prompt; those after the first: more")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  SamplingOptions& sampling = options->sampling;
  command->add_option("--temperature", sampling.temperature, "of sampling; 0 is greedy")
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  command->add_option("--top-p", sampling.top_p, "sample from the likeliest tokens up to this mass")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--top-k", sampling.top_k, "sample from the k likeliest tokens; 0 is off")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  command
      ->add_option("--min-p", sampling.min_p, "leave out tokens below this share of the likeliest")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of sampling")->capture_default_str();
  command->add_option("--dtype", options->type, "number type; default float32 on CPU");
  command->add_flag("--json")->description("output is JSON lines in any case");
  command->callback([options, &exit_code] {
    GenerateSession(*options).Run(std::cin, std::cout);
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
