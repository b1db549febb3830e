#include "verify/answers/golden_set.h"

#include <fmt/format.h>

#include "verify/answers/grader.h"

namespace gradus {
namespace {

struct GoldenPair {
  const char* gold;
  const char* predicted;
  Verdict expected;
};

constexpr Verdict kYes = Verdict::kCorrect, kNo = Verdict::kWrong, kOpen = Verdict::kUnverifiable;

// One or two of every rule that decides, and answers that must not be accepted.
constexpr GoldenPair kPairs[] = {
    {"72", "72.0", kYes},
    {"72", "73", kNo},
    {"72", "7200", kNo},
    {"1250", "\\$1,250", kYes},
    {"-\\frac{3}{8}", "-0.375", kYes},
    {"2\\frac{1}{4}", "9/4", kYes},
    {"\\frac{2}{7}", "0.2857", kYes},
    {"\\frac{2}{7}", "0.29", kOpen},
    {"45\\%", "0.45", kYes},
    {"45", "0.45", kNo},
    {"6.02\\times 10^{3}", "6020", kYes},
    {"12 \\text{ cm}", "12", kYes},
    {"12 \\text{ cm}", "12 \\text{ kg}", kOpen},
    {"12 \\text{ cm}", "120 \\text{ mm}", kYes},
    {"150 \\text{ minutes}", "2 hours 30 minutes", kYes},
    {"60", "2 hours 30 minutes", kNo},
    {"5", "negative 5", kNo},
    {"5", "not 5", kOpen},
    {"3", "3 hundred", kNo},
    {"12", "12 wrong", kOpen},
    {"5", "5 apples", kYes},
    {"|x-3|", "3-x", kNo},
    {"C", "B or C", kOpen},
    {"120", "\\binom{10}{3}", kYes},
    {"x \\equiv 3 \\pmod 7", "x \\equiv 3 \\pmod 5", kNo},
    {"2\\sqrt{5}", "\\sqrt{20}", kYes},
    {"\\sqrt{y^2}", "y", kNo},
    {"(a-b)(a+b)", "a**2 - b**2", kYes},
    {"(a-b)(a+b)", "a**2 + b**2", kNo},
    {"1 - \\cos^2 t", "\\sin^2 t", kYes},
    {"(2, -1)", "(-1, 2)", kNo},
    {"2, -1", "-1, 2", kYes},
    {"[0, 4)", "[0, 4]", kNo},
    {"(-\\infty, 0) \\cup (2, \\infty)", "Union(Interval.open(2, oo), Interval.open(-oo, 0))",
     kYes},
    {"\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "Matrix([[1, 2], [3, 4]])", kYes},
    {"\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "Matrix([[1, 2], [3, 5]])", kNo},
    {"x = 7", "7", kYes},
    {"x = 7", "x = 8", kNo},
    {"3x - y = 2", "y = 3x - 2", kYes},
    {"x > 4", "4 < x", kYes},
    {"x > 4", "x \\ge 4", kNo},
    {"1 \\pm \\sqrt{3}", "1 - \\sqrt{3}, 1 + \\sqrt{3}", kYes},
    {"C", "(c)", kYes},
    {"C", "The answer is D.", kNo},
    {"\\text{Monday}", "monday", kYes},
    {"\\text{Monday}", "Friday", kNo},
    {"5", "So we get \\boxed{4} at first, but then \\boxed{5}.", kYes},
    {"5", "", kNo},
    {"1", "9**9**9**9", kNo},
    {"3", "__import__('os').getpid()", kOpen},
};

}  // namespace

std::optional<std::string> CheckGrader() {
  for (const GoldenPair& pair : kPairs) {
    const Judgement judgement = Grade(pair.gold, pair.predicted);
    if (judgement.verdict == pair.expected) continue;
    return fmt::format("gold '{}', prediction '{}': {} ({}), not {}", pair.gold, pair.predicted,
                       ToString(judgement.verdict), judgement.reason, ToString(pair.expected));
  }
  return {};
}

}  // namespace gradus
