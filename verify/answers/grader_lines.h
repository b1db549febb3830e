#pragma once
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "verify/answers/grader.h"

namespace gradus {

// Judges one JSON line {"gold", "pred"[, "kind": "pair" | "text"][, "opts"]}. Of `opts`,
// `round_digits`, `abs_tol` (a number or one for each element) and `allow_set_relation_comp` are
// followed, the others ignored. Natively: a program is left where only algebra can tell. Throws
// Error, naming the line, when it is not of this form.
NativeGrade GradeLine(const std::string& text, int line, GraderMode mode);

// A gold that cannot be graded against.
struct GoldProblemLine {
  std::string id, answer, problem;
};
struct GoldReport {
  int golds = 0;
  std::vector<GoldProblemLine> bad;
};

// Reads every "answer" of a problem file (JSON Lines; lines without one are skipped). Throws Error.
GoldReport CheckGoldLines(std::istream& lines, std::string_view name);

}  // namespace gradus
