#include "verify/answers/compare.h"

#include "tests/verify/answers/grader_table.h"

using namespace gradus;

TEST_CASE("Times are compared by their fields, days by name; neither is worked out") {
  const AnswerPair equal[] = {{"2:30 PM", "14:30"},   {"12:00 AM", "0:00"},
                              {"2:05", "2:05 p.m."},  {"July 4", "4 July"},
                              {"July 4", "July 4th"}, {"2024-02-29", "February 29, 2024"},
                              {"9:00", "9:00 AM"},    {"3 PM", "15:00"}};
  const AnswerPair unequal[] = {
      {"2:30 PM", "2:30 AM"}, {"2:05", "2:50"},       {"July 4", "July 5"},
      {"July 4", "June 4"},   {"2024-02-29", "1993"}, {"3/5", "3/5/2020"},
      {"2021-01-01", "2019"}, {"1", "2-1-2020"},      {"9:00 AM", "21:00"}};
  CheckAll(equal, "correct");
  CheckNever(unequal, "correct");
}
