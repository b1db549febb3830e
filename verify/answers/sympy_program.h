#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/verdict.h"
#include "verify/answers/expression/expr.h"

namespace gradus {

// A Python program that asks sympy whether the two sides of each pair are equal. It is built from
// the syntax trees with sympy's constructors only: no byte of an answer appears in it, variables
// are numbered. "" when a pair holds what sympy has no constructor for here, or numbers that it
// could not hold. It prints one word: equal, different or unknown.
std::string SympyProgram(const std::vector<std::pair<ExprPtr, ExprPtr>>& pairs);

// What the program's output says: symbolic-equal, symbolic-different; unverifiable
// (symbolic-unknown, symbolic-failed) for any other output or when the program did not end well.
Judgement ReadSympyOutput(bool ok, std::string_view printed);

}  // namespace gradus
