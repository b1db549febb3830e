// libFuzzer target: tokenizer, parser, extraction and grader on any bytes. The input is a gold and
// a prediction with a zero byte between them. See docs/verification.md.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "verify/answers/expression/parse.h"
#include "verify/answers/grader.h"
#include "verify/answers/reading/extract.h"
#include "verify/answers/tokens/code_points.h"
#include "verify/answers/tokens/words.h"

namespace {

void Check(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace gradus;
  const std::string_view input(reinterpret_cast<const char*>(bytes), size);
  const std::size_t zero = input.find('\0');
  const std::string_view gold = input.substr(0, zero);
  const std::string_view predicted = zero == std::string_view::npos ? gold : input.substr(zero + 1);
  (void)ParseAnswer(WithWordsRead(TokenizeAnswer(InAscii(predicted))));
  (void)ExtractFinalAnswer(predicted, Places::kAnywhere);
  const GoldAnswer answer = ReadGold(gold);
  (void)GoldProblem(answer);
  const NativeGrade grade = GradeNatively(answer, predicted);
  Check(!grade.judgement.reason.empty());
  Check(grade.program.empty() || grade.judgement.verdict == Verdict::kUnverifiable);
  // Nothing of an answer gets into the program but digits.
  Check(grade.program.find('\\') == std::string::npos);
  Check(GradeNatively(answer, predicted).judgement.verdict == grade.judgement.verdict);
  for (const GraderMode mode :
       {GraderMode::kTora, GraderMode::kRstarMath, GraderMode::kHendrycks}) {
    (void)GradeNatively(answer, predicted, {mode, {}});
  }
  return 0;
}
