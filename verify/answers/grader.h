#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "schemas/verdict.h"
#include "verify/answers/compare.h"
#include "verify/answers/reading/reading.h"

namespace gradus {

// Whose rules decide. `kStrict` is ours; the others imitate published graders where a recipe must
// reproduce a published number (docs/verification.md says how far).
enum class GraderMode { kStrict, kRstarMath, kTora, kHendrycks };
const char* ToString(GraderMode mode);
// "strict", "rstar_math", "tora", "hendrycks". Throws Error for another name.
GraderMode ReadGraderMode(std::string_view name);

struct GradeOptions {
  GraderMode mode = GraderMode::kStrict;
  Tolerance tolerance;  // Of kStrict only.
};

// A reference answer, read once and compared often. A value; any thread.
struct GoldAnswer {
  std::string text;
  Reading reading;
};
GoldAnswer ReadGold(std::string_view text);

// Why a gold is of no use to label with: "empty", "unreadable", "prose" (only equal word by word),
// "differs from itself"; "" when it is good.
std::string GoldProblem(const GoldAnswer& gold);

// A judgement without algebra, and the program that would decide when it could not.
struct NativeGrade {
  Judgement judgement;
  std::string program;  // Python for the sandbox, see sympy_program.h; "" when none would help.
};

// Decides whether a predicted answer equals the gold one. Pure, any thread, milliseconds for any
// input. `reason` names the rule that decided. What cannot be decided is unverifiable, never wrong.
NativeGrade GradeNatively(const GoldAnswer& gold, std::string_view predicted,
                          const GradeOptions& options = {});

// The native judgement alone, for one comparison.
Judgement Grade(std::string_view gold, std::string_view predicted,
                const GradeOptions& options = {});

// The final answer that a solution text announces, by a box, a tag or an "answer is"; "" when it
// does not. reading/extract.h has more places: good enough to measure with, too much of a guess for
// a search that labels.
std::string ExtractAnswer(std::string_view text);

// Name, version and mode stored with each tree.
std::string GraderVersion(GraderMode mode);

}  // namespace gradus
