#include "workers/environments/observation.h"

#include <doctest/doctest.h>

#include <asio/io_context.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "schemas/base/utf8.h"
#include "tests/fakes/shared_data.h"
#include "verify/python/python_verifier.h"

using namespace gradus;

namespace {

Report Ended(Outcome outcome, std::string output, std::string error = "") {
  Report report;
  report.end = outcome == Outcome::kOk ? End::kFine : End::kRejected;
  report.outcome = ToString(outcome);
  report.shown = std::move(output);
  report.error = std::move(error);
  return report;
}

std::string Shown(const Report& report, ObservationStyle style, int max = 400) {
  return Observation(report, style, max);
}

}  // namespace

TEST_CASE("plain: what was printed before a failure is shown with the failure") {
  const auto failed = Ended(Outcome::kException, "1\n", "NameError: name 'y' is not defined");
  CHECK(Shown(failed, ObservationStyle::kPlain) == "1\nNameError: name 'y' is not defined");
  CHECK(Shown(Ended(Outcome::kOk, ""), ObservationStyle::kPlain) == "");
}

TEST_CASE("tora: nothing printed is Done, a failure is its last line alone") {
  const auto style = ObservationStyle::kTora;
  CHECK(Shown(Ended(Outcome::kOk, ""), style) == "Done");
  CHECK(Shown(Ended(Outcome::kOk, "\n 5 \n"), style) == "5");
  CHECK(Shown(Ended(Outcome::kException, "1\n", "ValueError: a\nb"), style) == "b");
  CHECK(Shown(Ended(Outcome::kExitCall, "1\n", "SystemExit: 0"), style) == "SystemExit: 0");
  CHECK(Shown(Ended(Outcome::kWallTimeout, "1\n", "wall"), style) == "Timeout Error");
}

TEST_CASE("An observation is cut between characters") {
  std::string text;
  for (int i = 0; i < 300; ++i) text += "\u00e9";
  for (int limit = 10; limit < 20; ++limit) {
    const std::string shown = Shown(Ended(Outcome::kOk, text), ObservationStyle::kPlain, limit);
    CHECK(ValidUtf8(shown) == shown);
    CHECK(shown.size() <= static_cast<std::size_t>(limit) + 3);
  }
}

TEST_CASE("The programs of recorded ToRA traces print what was recorded" *
          doctest::test_suite("needs data")) {
  const std::vector<std::string> lines = SharedLinesOrSkip("tora_traces.jsonl");
  if (lines.empty()) return;
  asio::io_context io;
  ExecutorOptions options;
  options.slots = 2;
  const auto verifier = MakePythonVerifier(io, options, GraderMode::kStrict);
  std::vector<std::string> recorded, shown, programs;
  for (const std::string& line : lines) {
    const auto trace = nlohmann::json::parse(line);
    // Two traces were never run: the word "boxed" in the question stopped that driver.
    for (std::size_t i = 0; i < trace["outputs"].size(); ++i) {
      programs.push_back(trace["programs"][i]);
      recorded.push_back(trace["outputs"][i]);
    }
  }
  shown.resize(programs.size());
  for (std::size_t i = 0; i < programs.size(); ++i) {
    State state;
    state.steps = {programs[i]};
    verifier->Check(std::move(state), nullptr, {}, [&, i](const Checked& checked) {
      shown[i] = Observation(checked.report, ObservationStyle::kTora, 400);
    });
  }
  io.run();
  int differ = 0;
  for (std::size_t i = 0; i < programs.size(); ++i) {
    if (shown[i] == recorded[i]) continue;
    ++differ;
    MESSAGE("program " << i << " printed '" << shown[i] << "', recorded '" << recorded[i] << "'\n"
                       << programs[i]);
  }
  const std::size_t same = programs.size() - static_cast<std::size_t>(differ);
  MESSAGE(same << " of " << programs.size() << " recorded outputs");
  CHECK(programs.size() >= 1300);
  CHECK(differ <= 2);
}
