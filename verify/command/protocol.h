#pragma once
#include <string>
#include <variant>

#include "verify/limits.h"
#include "verify/verifier.h"

namespace gradus {

// The lines that pass between us and a user's checker. Values only: no processes here.

enum class RequestMode { kStep, kCheck };

struct CheckerRequest {
  RequestMode mode = RequestMode::kStep;
  State state;
  std::optional<Goal> goal;
  ExecLimits limits;
};

struct CheckerAnswer {
  End end = End::kFine;
  std::string shown;
  Judgement judgement;  // Unverifiable without a reason where the request had no goal.
};

// {"id","mode","context","steps","answer","response","goal","limits"} and a line feed. Text that is
// no UTF-8 has U+FFFD in its place.
std::string RequestLine(const CheckerRequest& request, const std::string& id);

// The answer, or what is wrong with the line. Strict: the keys of the protocol, each once and of
// its type, this id, and nothing that contradicts itself (a candidate that is not fine is not
// correct, one that met a limit is neither correct nor wrong).
std::variant<CheckerAnswer, std::string> ParseAnswer(const std::string& line,
                                                     const CheckerRequest& request,
                                                     const std::string& id);

// Of 128 random bits: what an earlier request left behind cannot answer a later one.
std::string FreshId();

// "fine", "rejected", … and "correct", … as the protocol spells them.
std::optional<End> ReadEnd(const std::string& text);
std::optional<Verdict> ReadVerdict(const std::string& text);

}  // namespace gradus
