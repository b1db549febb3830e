#pragma once
#include <gmpxx.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// An answer as a syntax tree. Immutable, shared, bounded in size and depth by its parser.
enum class ExprKind : std::uint8_t {
  kNumber,        // `value`; a literal with a decimal point also says how many digits it shows.
  kSymbol,        // `name`: a variable, or "pi", "e", "i", "oo", "zoo" (undefined), "...".
  kAdd,           // Sum of the parts.
  kMul,           // Product of the parts.
  kPower,         // parts[0] ^ parts[1].
  kCall,          // Function `name` of the parts; unknown functions too; "index" is a subscript.
  kPlusMinus,     // parts[0] + or - parts[1]; `name` is "+-" or "-+".
  kPercent,       // parts[0] %.
  kUnit,          // parts[0] with unit `name`.
  kRatio,         // a : b : c; `name` is "time" when it can only be a clock time.
  kBased,         // Digits `name` in base parts[0], worth `value`.
  kTuple,         // (a, b, ...).
  kBracket,       // [a, b, ...] that is no interval.
  kSet,           // {a, b, ...}; no parts: the empty set.
  kList,          // a, b, ... without brackets.
  kInterval,      // parts[0], parts[1]; `name` holds the two brackets, "[)".
  kUnion,         // Of sets.
  kIntersection,  // Of sets.
  kDifference,    // parts[0] without parts[1].
  kMatrix,        // Cells row by row; `columns` of them in a row.
  kRelation,      // Chain of parts joined by the operators in `name`, one character each.
  kText,          // Words, normalised: lower case, single blanks.
};

struct Expr;
using ExprPtr = std::shared_ptr<const Expr>;

struct Expr {
  ExprKind kind;
  std::string name;
  std::vector<ExprPtr> parts;
  mpq_class value;
  int decimals = -1;  // Digits behind the decimal point of a literal, -1 without a point.
  int digits = 0;     // Significant digits of such a literal.
  int columns = 0;
};

// Relation operators.
namespace relation {
constexpr char kEqual = '=', kNotEqual = '!', kLess = '<', kGreater = '>', kAtMost = 'l',
               kAtLeast = 'g', kAbout = '~', kIn = 'i';
}

ExprPtr MakeExpr(ExprKind kind, std::vector<ExprPtr> parts, std::string name = "");
ExprPtr MakeNumber(mpq_class value);
ExprPtr MakeSymbol(std::string_view name);
// Folds the sign into a literal, which keeps its digits.
ExprPtr Negated(const ExprPtr& expr);

// A text that two expressions share when they differ only in the order of sums, products, sets and
// in the nesting of sums and products.
std::string CanonicalText(const Expr& expr);

// Whether the predicate holds for the expression or any part of it.
template <class Predicate>
bool AnyPart(const Expr& expr, const Predicate& predicate) {
  if (predicate(expr)) return true;
  for (const ExprPtr& part : expr.parts) {
    if (AnyPart(*part, predicate)) return true;
  }
  return false;
}

// A single number-like value, as against a collection, a relation or a text.
bool IsScalar(const Expr& expr);
// A variable: a symbol that is no constant.
bool IsVariable(const Expr& expr);
bool HasVariables(const Expr& expr);
// Tuple, list, set or bracketed list.
bool IsCollection(const Expr& expr);
// Interval, set, union, intersection, difference, or the real numbers.
bool IsSetLike(const Expr& expr);
// What an answer may give a value to: x, f(x), a_n, (p, q), AB, NO/BO, A:B. No numbers, no sums.
bool IsNameLike(const Expr& expr);

}  // namespace gradus
