#include <CLI/CLI.hpp>
#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <cstdio>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <type_traits>

#include "orchestrator/commands/commands.h"
#include "schemas/base/error.h"
#include "verify/python/python_executor.h"

namespace gradus {
namespace {

using Json = nlohmann::ordered_json;

// Programs read ahead of the oldest one that is not yet printed.
constexpr int kReadAhead = 4096;

struct Request {
  Json id;
  Program program;
  bool in_steps = false;  // Given as a list: run as a step of a search.
  ExecLimits limits;
};

template <class T>
void ReadLimit(const Json& limits, const char* key, T& value, int line) {
  const auto found = limits.find(key);
  if (found == limits.end()) return;
  constexpr bool kWhole = std::is_integral_v<T>;
  if (!(kWhole ? found->is_number_integer() : found->is_number()) || found->get<double>() <= 0 ||
      found->get<double>() > 1e6) {
    Fail("stdin:{}: limits.{} must be a positive {}number", line, key, kWhole ? "whole " : "");
  }
  value = found->get<T>();
}

ExecLimits ReadLimits(const Json& limits, ExecLimits values, int line) {
  if (!limits.is_object()) Fail("stdin:{}: limits must be an object", line);
  for (const auto& [key, unused] : limits.items()) {
    if (key != "wall_s" && key != "cpu_s" && key != "mem_mb" && key != "out_kb") {
      Fail("stdin:{}: unknown limit '{}': use wall_s, cpu_s, mem_mb, out_kb", line, key);
    }
  }
  ReadLimit(limits, "wall_s", values.wall_s, line);
  ReadLimit(limits, "cpu_s", values.cpu_s, line);
  ReadLimit(limits, "mem_mb", values.mem_mb, line);
  ReadLimit(limits, "out_kb", values.out_kb, line);
  return values;
}

Request ReadRequest(const std::string& text, const ExecLimits& defaults, int line) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) Fail("stdin:{}: not a JSON object", line);
  const auto program = json.find("program");
  if (program == json.end()) Fail("stdin:{}: no key 'program'", line);
  Request request{json.value("id", Json()), {}, program->is_array(), defaults};
  if (program->is_string()) {
    request.program.steps = {program->get<std::string>()};
  } else if (program->is_array() &&
             std::all_of(program->begin(), program->end(), [](auto& s) { return s.is_string(); })) {
    request.program.steps = program->get<std::vector<std::string>>();
  } else {
    Fail("stdin:{}: 'program' must be a string or a list of strings (steps)", line);
  }
  if (const auto limits = json.find("limits"); limits != json.end() && !limits->is_null()) {
    request.limits = ReadLimits(*limits, defaults, line);
  }
  return request;
}

Json ToJson(const Json& id, const ExecResult& result) {
  Json json = {{"id", id}, {"outcome", ToString(result.outcome)}, {"stdout", result.output}};
  json["value"] = result.value ? Json(*result.value) : Json();
  json["error"] = result.error;
  if (result.error_step >= 0) json["error_step"] = result.error_step;
  json["wall_s"] = result.wall_s;
  json["cpu_s"] = result.cpu_s;
  json["level"] = result.level;
  return json;
}

// Reads stdin on its own thread, so that a client may send one program and wait for its result;
// runs and prints on the io_context's thread.
class ExecSession {
 public:
  explicit ExecSession(const ExecutorOptions& options)
      : options_(options), executor_(MakePythonExecutor(io_, options)), room_(kReadAhead) {}

  void Run() {
    auto reading = asio::make_work_guard(io_);
    std::thread reader([&] {
      ReadAll();
      reading.reset();
    });
    io_.run();
    reader.join();
    if (failure_) throw *failure_;
  }

 private:
  void ReadAll() try {
    std::string text;
    for (int line = 1; std::getline(std::cin, text); ++line) {
      if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
      auto request = std::make_shared<Request>(ReadRequest(text, options_.limits, line));
      room_.acquire();
      asio::post(io_, [this, request] { Start(std::move(*request)); });
    }
  } catch (const Error& error) {
    failure_ = error;
  }

  void Start(Request request) {
    const long number = started_++;
    auto done = [this, number, id = std::move(request.id)](const ExecResult& result) {
      finished_[number] = ToJson(id, result).dump() + "\n";
      Print();
    };
    if (request.in_steps) {
      executor_->Step(std::move(request.program), request.limits, std::move(done));
    } else {
      executor_->Check(std::move(request.program), request.limits, std::move(done));
    }
  }

  void Print() {
    for (auto next = finished_.find(printed_); next != finished_.end();
         next = finished_.find(printed_)) {
      std::fwrite(next->second.data(), 1, next->second.size(), stdout);
      finished_.erase(next);
      ++printed_;
      room_.release();
    }
    std::fflush(stdout);
  }

  asio::io_context io_;
  ExecutorOptions options_;
  std::unique_ptr<Executor> executor_;
  std::counting_semaphore<> room_;
  long started_ = 0, printed_ = 0;
  std::map<long, std::string> finished_;  // Results that wait for an earlier one.
  std::optional<Error> failure_;          // Of the reading thread.
};

}  // namespace

void AddExecCommand(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<ExecutorOptions>();
  auto* command = app.add_subcommand(
      "exec",
      "Runs Python programs: JSON lines {\"id\",\"program\"[,\"limits\"]} on stdin, one "
      "result a line on stdout, in order. A program is a string, or a list of steps");
  command
      ->add_option("--slots", options->slots, "Warm interpreters, each runs one program at a time")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option(
          "--level", options->level,
          "Isolation: auto is the best of L3, L2, L1 that works here; L0 is none but limits")
      ->check(CLI::IsMember({"auto", "L3", "L2", "L1", "L0"}))
      ->capture_default_str();
  command->add_option("--preload", options->preload, "Modules to import once, before all programs")
      ->delimiter(',')
      ->capture_default_str();
  command->add_option("--wall-s", options->limits.wall_s, "Default wall-clock limit, seconds")
      ->check(CLI::Range(0.01, 3600.0))
      ->capture_default_str();
  command->callback([options, &exit_code] {
    std::erase(options->preload, "");
    ExecSession(*options).Run();
    exit_code = static_cast<int>(ExitCode::kDone);
  });
}

}  // namespace gradus
