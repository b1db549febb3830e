#include "verify/command/command_verifier.h"

#include <asio/io_context.hpp>
#include <utility>

#include "schemas/base/error.h"
#include "schemas/base/settings.h"
#include "schemas/base/utf8.h"
#include "verify/command/checker_pool.h"
#include "verify/command/golden_cases.h"

namespace gradus {
namespace {

Report ReportOf(CheckerReply reply) {
  Report report;
  report.wall_s = reply.wall_s;
  if (!reply.answer) {
    report.end = reply.fault == "checker-broken" ? End::kBroken : End::kLimit;
    report.outcome = std::move(reply.fault);
    report.error = ValidUtf8(reply.detail);
    return report;
  }
  report.end = reply.answer->end;
  report.outcome = report.end == End::kFine ? NothingRan().outcome : ToString(report.end);
  report.shown = std::move(reply.answer->shown);
  if (report.end != End::kFine) report.error = report.outcome;
  return report;
}

void Compare(const GoldenCase& golden, const Checked& checked) {
  const auto& [report, judgement] = checked;
  if ((!golden.end || *golden.end == report.end) &&
      (!golden.judgement || *golden.judgement == judgement.verdict)) {
    return;
  }
  Fail("{}: '{}' ended {} ({}), judged {}{}{}; nothing is labelled with this checker", golden.where,
       golden.name, ToString(report.end), report.error.empty() ? report.outcome : report.error,
       ToString(judgement.verdict), judgement.reason.empty() ? "" : ": ", judgement.reason);
}

class CommandVerifier final : public Verifier {
 public:
  CommandVerifier(asio::io_context& io, const CommandOptions& options)
      : CommandVerifier(io, options, FindChecker(options.command, options.reads)) {}

  void Step(State state, const ExecLimits& limits, std::function<void(Report)> done) override {
    pool_.Ask({RequestMode::kStep, std::move(state), {}, limits},
              [done = std::move(done)](CheckerReply reply) { done(ReportOf(std::move(reply))); });
  }

  void Check(State state, const Goal* goal, const ExecLimits& limits,
             std::function<void(Checked)> done) override {
    const auto wanted = goal ? std::optional<Goal>(*goal) : std::nullopt;
    pool_.Ask({RequestMode::kCheck, std::move(state), wanted, limits},
              [done = std::move(done)](CheckerReply reply) {
                Judgement judgement{Verdict::kUnverifiable, reply.fault};
                if (reply.answer) judgement = std::move(reply.answer->judgement);
                done({ReportOf(std::move(reply)), std::move(judgement)});
              });
  }

  std::string Identity() const override { return identity_; }
  VerifierCounters Counters() const override { return pool_.Counters(); }

  void CheckGolden(asio::io_context& io) override {
    std::vector<GoldenCase> cases;
    if (!options_.golden.empty()) cases = LoadGoldenCases(options_.golden);
    // A sign of life, whatever it is.
    cases.insert(cases.begin(), {"checker", "the empty state", {}, {}, {}});
    std::vector<Checked> results(cases.size());
    std::size_t open = cases.size();
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const CheckerRequest& request = cases[i].request;
      pool_.Ask({request.mode, request.state, request.goal, options_.limits},
                [&, i](CheckerReply reply) {
                  if (reply.answer) results[i].judgement = reply.answer->judgement;
                  results[i].report = ReportOf(std::move(reply));
                  --open;
                });
    }
    io.restart();
    while (open > 0 && io.run_one() > 0) {
    }
    const Report& alive = results[0].report;
    if (alive.outcome.starts_with("checker-")) {
      Fail("checker.command: '{}' does not work: {}: {}", fmt::join(options_.command, " "),
           alive.outcome, alive.error);
    }
    for (std::size_t i = 1; i < cases.size(); ++i) Compare(cases[i], results[i]);
  }

 private:
  CommandVerifier(asio::io_context& io, const CommandOptions& options, CheckerProgram program)
      : options_(options), identity_(program.identity), pool_(io, std::move(program), options) {
    identity_ += std::string("; ") + LevelName(pool_.isolation().level);
  }

  const CommandOptions options_;
  std::string identity_;
  CheckerPool pool_;
};

}  // namespace

void Bind(Settings& settings, CommandOptions& options) {
  settings.Field("command", options.command,
                 "the checker's program and its arguments; words that name files are taken from "
                 "the working directory");
  settings.Field("processes", options.processes, {1, 1024},
                 "of the checker, per rank; each has one request at a time");
  settings.Field("level", options.level,
                 "isolation of the checker: auto is the best of L3, L2, L1 that works here; L0, "
                 "resource limits only, must be named");
  settings.Field("reads", options.reads,
                 "folders and files that the checker may read, besides its own and the system's "
                 "programs and libraries");
  settings.Field("golden", options.golden,
                 "JSON lines with cases that the checker must judge as they say, before it labels "
                 "anything; empty: none");
  settings.Field("start_s", options.start_s, {0.1, 3600},
                 "seconds that a fresh process has until it answers the empty state");
  settings.Field(
      "starts", options.starts, {1, 100},
      "processes that may fail at that, or end or chatter unasked, without an answer in between");
  settings.Section("limits", "of one request", [&](Settings& limits) {
    limits.Field("wall_s", options.limits.wall_s, {0.01, 3600},
                 "wall-clock seconds; a checker that says nothing for longer is ended");
    limits.Field("cpu_s", options.limits.cpu_s, {0.01, 3600},
                 "CPU seconds that the checker is asked to grant a candidate; not enforced");
    limits.Field("mem_mb", options.limits.mem_mb, {16, 1 << 20},
                 "MiB of address space of each process of the checker");
    limits.Field("out_kb", options.limits.out_kb, {1, 1 << 16}, "KiB of an answer");
  });
}

void CheckOptions(const CommandOptions& options) {
  if (!ReadLevels(options.level)) {
    Fail("checker.level: '{}' is not auto, L3, L2, L1 or L0", options.level);
  }
  FindChecker(options.command, options.reads);
  if (!options.golden.empty()) LoadGoldenCases(options.golden);
}

std::unique_ptr<Verifier> MakeCommandVerifier(asio::io_context& io, const CommandOptions& options) {
  Require(options.processes > 0, "a checker needs a process");
  CheckOptions(options);
  return std::make_unique<CommandVerifier>(io, options);
}

}  // namespace gradus
