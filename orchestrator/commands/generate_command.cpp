#include <CLI/CLI.hpp>
#include <cmath>
#include <condition_variable>
#include <deque>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "workers/engine/engine.h"
#include "workers/models/hf_folder.h"
#include "workers/models/model_config.h"
#include "workers/models/tokenizer/streaming_decoder.h"

namespace gradus {
namespace {

constexpr int kTop = 5;                 // Largest logits shown.
constexpr std::size_t kInFlight = 256;  // Requests read ahead of the answers.

struct GenerateOptions {
  std::string model;
  bool greedy = false;
  int max_tokens = 0;
  int samples = 1;
  SamplingOptions sampling;
  std::uint64_t seed = 0;
  std::vector<std::string> stops;
  bool stream = false;
  EngineOptions engine;
};

// Tokens on their way from the engine's thread to the one that prints.
class TokenFeed {
 public:
  struct Item {
    int sample = 0;
    TokenId id = 0;
  };
  void Push(Item item) {
    {
      const std::lock_guard lock(mutex_);
      items_.push_back(item);
    }
    changed_.notify_one();
  }
  void Close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_one();
  }
  // The next token; none once the feed is closed and empty.
  std::optional<Item> Next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    const Item item = items_.front();
    items_.pop_front();
    return item;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> items_;
  bool closed_ = false;
};

// What one line asks for and what the engine will answer.
struct PendingLine {
  std::future<std::vector<Continuation>> continuations;
  std::future<double> prompt_logprob;
  std::shared_ptr<TokenFeed> feed;  // With --stream.
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
    case StopReason::kStopText:
      return "stop-text";
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
    EngineOptions engine = options.engine;
    engine.kv_tokens = std::max(engine.kv_tokens, 2 * ReadModelConfig(options.model).max_positions);
    engine_ = MakeEngine(options.model, engine);
  }

  void Run(std::istream& in, std::ostream& out) {
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      if (line.empty()) continue;
      Submit(PromptOf(line, number, tokenizer_), number);
      if (options_.stream || pending_.size() >= kInFlight) Print(out);
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
    request.stop_texts = options_.stops;
    request.samples = options_.samples;
    request.sampling = options_.sampling;
    if (options_.greedy) request.sampling.temperature = 0;
    request.seed = MixSeed(options_.seed, static_cast<std::uint64_t>(number));
    request.top_logits = kTop;
    auto [generated, continuations] = Answer<std::vector<Continuation>>();
    auto [summed, logprob] = Answer<double>();
    const SequencePtr context = request.context;
    std::shared_ptr<TokenFeed> feed;
    if (options_.stream) {
      feed = std::make_shared<TokenFeed>();
      request.on_token = [feed](int sample, TokenId id) { feed->Push({sample, id}); };
      generated = [feed, answer = std::move(generated)](std::vector<Continuation> results) {
        feed->Close();
        answer(std::move(results));
      };
    }
    engine_->Generate(std::move(request), std::move(generated));
    engine_->LogProb(context, std::move(summed));
    pending_.push_back({std::move(continuations), std::move(logprob), std::move(feed)});
  }

  // Pieces of text as they become certain: {"sample","piece"}.
  void PrintPieces(TokenFeed& feed, std::ostream& out) const {
    const auto samples = static_cast<std::size_t>(options_.samples);
    std::vector<StreamingDecoder> decoders(samples, StreamingDecoder(tokenizer_));
    const auto print = [&](std::size_t sample, const std::string& piece) {
      if (piece.empty()) return;
      out << nlohmann::ordered_json{{"sample", sample}, {"piece", piece}}.dump() << std::endl;
    };
    while (const auto item = feed.Next()) {
      const auto sample = static_cast<std::size_t>(item->sample);
      print(sample, decoders[sample].Push(item->id));
    }
    for (std::size_t i = 0; i < samples; ++i) print(i, decoders[i].Rest());
  }

  nlohmann::ordered_json Told(const Continuation& result) const {
    return {{"ids", result.tokens},
            {"text", tokenizer_.Decode(result.tokens)},
            {"logprobs", result.logprobs},
            {"ended", EndedBy(result.reason)}};
  }

  void Print(std::ostream& out) {
    if (pending_.front().feed) PrintPieces(*pending_.front().feed, out);
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
  command->add_option("--stop", options->stops, "a sample ends with this text; may be repeated");
  command->add_flag("--stream", options->stream,
                    "print {\"sample\",\"piece\"} lines as text comes, before each answer");
  using Devices = std::map<std::string, EngineDevice>;
  command->add_option("--device", options->engine.device, "auto, cpu or cuda")
      ->transform(CLI::CheckedTransformer(Devices{{"auto", EngineDevice::kAuto},
                                                  {"cpu", EngineDevice::kCpu},
                                                  {"cuda", EngineDevice::kCuda}}));
  using Types = std::map<std::string, EngineType>;
  command
      ->add_option("--dtype", options->engine.dtype,
                   "number type; default float32 on the CPU, bfloat16 on a GPU")
      ->transform(CLI::CheckedTransformer(
          Types{{"float32", EngineType::kFloat32}, {"bfloat16", EngineType::kBfloat16}}));
  command->add_flag("--json")->description("output is JSON lines in any case");
  command->callback([options, &exit_code] {
    GenerateSession(*options).Run(std::cin, std::cout);
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
