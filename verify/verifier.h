#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "schemas/goal.h"
#include "schemas/verdict.h"

namespace asio {
class io_context;
}

namespace gradus {

struct ExecLimits;

// What a candidate has done so far, as a value. A state is named by the steps that lead to it;
// equal states are the same state.
struct State {
  std::string context;  // What comes before the first step and is not the candidate's: a header.
  std::vector<std::string> steps;
  std::string answer;    // The result the candidate claims; "" while it claims none.
  std::string response;  // With an answer: all that was written behind the prompt, as text.
  // Non-empty: each top-level statement of a step must equal one of these (python only).
  std::vector<std::string> allowed_steps;
};

// How running or proving a state ended.
enum class End : std::uint8_t {
  kFine,
  kRejected,  // It failed by its own doing: an exception, a tactic that does not apply.
  kLimit,     // Time, memory, output; or the verifier could not tell: never a label.
  kForged,    // It tried to speak for the verifier.
  kBroken,    // Infrastructure: never the candidate's fault. Nothing that ended so shapes a tree.
};
const char* ToString(End end);

// What a verifier saw. Never a label.
struct Report {
  End end = End::kBroken;
  std::string outcome;               // "ok" when fine, else the verifier's own word; stored.
  std::string shown;                 // What the candidate printed, or its new goals.
  std::optional<std::string> value;  // Value of a last expression, where there is one.
  std::string error;                 // "" when fine.
  double wall_s = 0, cpu_s = 0;
};

// Of a state without steps: where nothing runs, nothing is shown and nothing can fail.
Report NothingRan();

struct Checked {
  Report report;
  Judgement judgement;
};

// What a verifier has done so far.
struct VerifierCounters {
  std::uint64_t programs = 0;  // That have ended, or requests that were answered.
  double cpu_s = 0;            // Used by them, as far as it is known.
};

// What a worker asks of Python, a prover, or a user's own checker. The calls return at once; `done`
// is called exactly once per call, at once or later on the io_context's thread, in any order. One
// thread only.
class Verifier {
 public:
  virtual ~Verifier() = default;
  // The last step of the state, from what the others lead to. For a search.
  virtual void Step(State state, const ExecLimits& limits, std::function<void(Report)> done) = 0;
  // The whole state from a clean start, judged by the goal: what a label rests on. Without a goal
  // (nullptr) only the report counts.
  virtual void Check(State state, const Goal* goal, const ExecLimits& limits,
                     std::function<void(Checked)> done) = 0;
  // Name, versions and isolation level; stored with every tree.
  virtual std::string Identity() const = 0;
  // Runs what it must accept and what it must reject; blocks, driving `io`. Throws Error naming the
  // first case that went wrong: such a verifier must not label anything.
  virtual void CheckGolden(asio::io_context& io) = 0;
  // Any thread may call.
  virtual VerifierCounters Counters() const = 0;
};

}  // namespace gradus
