#include <algorithm>

#include "verify/answers/expression/parser.h"
#include "verify/answers/tokens/spelling.h"

namespace gradus {
namespace {

bool IsTrigonometric(std::string_view name) {
  static constexpr std::string_view kNames[] = {"sin", "cos",  "tan",  "cot", "sec",
                                                "csc", "sinh", "cosh", "tanh"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

ExprPtr Power(const ExprPtr& base, const ExprPtr& exponent) {
  return MakeExpr(ExprKind::kPower, {base, exponent});
}

// An angle in degrees, as the argument of a function of angles.
ExprPtr InRadians(const ExprPtr& expr) {
  if (expr->kind != ExprKind::kUnit || expr->name != "degree") return expr;
  return MakeExpr(ExprKind::kMul,
                  {expr->parts[0], MakeSymbol("pi"), MakeNumber(mpq_class(1, 180))});
}

bool IsTrueWord(const Expr& expr) {
  // "True" is read as a product of its letters.
  return expr.kind == ExprKind::kMul && expr.parts.size() == 4 && expr.parts[0]->name == "T";
}

}  // namespace

// A function behind its name: \sin^2 x, log_2(8), sqrt(3), Rational(1, 2).
ExprPtr Parser::Function(std::string_view spelled) {
  const Level level(*this);
  const std::string word(spelled);
  std::string name(FunctionName(spelled));
  // LaTeX's \log may be either logarithm.
  if (word == "log" && at_ > 0 && tokens_[at_ - 1].kind == Kind::kCommand) name = "Log";
  if (name == "Interval") return IntervalCall();
  ExprPtr exponent, base;
  for (int i = 0; i < 2; ++i) {
    if (AtSymbol("^") && !exponent) {
      ++at_;
      exponent = Exponent();
    } else if (TakeSymbol("_") && !base) {
      base = Peek().kind == Kind::kNumber ? Number() : Argument();
    }
  }
  if (word == "lg") base = MakeNumber(10);
  Parts arguments = AtSymbol("(") ? CallArguments() : Parts{ImplicitArgument()};
  if (base && (name == "log" || name == "Log")) {
    arguments.push_back(base);
    name = "log";
  }
  if (IsTrigonometric(name) || name == "cis") arguments[0] = InRadians(arguments[0]);
  const bool inverse = exponent && exponent->kind == ExprKind::kNumber && exponent->value == -1;
  if (inverse && IsTrigonometric(name)) {
    return MakeExpr(ExprKind::kCall, std::move(arguments), "a" + name);
  }
  const ExprPtr call = Constructed(name, std::move(arguments));
  return exponent ? Power(call, exponent) : call;
}

Parser::Parts Parser::CallArguments() {
  Expect("(");
  Parts arguments = Elements();
  Expect(")");
  if (arguments.empty()) throw Unreadable{};
  return arguments;
}

// "\sin 2x": factors up to a sign, another function, or the end of a group.
ExprPtr Parser::ImplicitArgument() {
  if (AtSymbol("{")) return Braced();
  if (AtSymbol("|")) return Postfix(Bars());
  if (AtSymbol("-")) {
    ++at_;
    return Negated(ImplicitArgument());
  }
  Parts factors;
  while (StartsFactor() && (factors.empty() || !StartsNamedFunction())) {
    if (!factors.empty() && (AtSymbol("(") || AtSymbol("[") || Peek().kind == Kind::kText)) break;
    factors.push_back(Factor());
  }
  if (factors.empty()) throw Unreadable{};
  return factors.size() == 1 ? factors[0] : MakeExpr(ExprKind::kMul, std::move(factors));
}

// The value of a call; sympy's constructors become what they construct.
ExprPtr Parser::Constructed(std::string_view name, Parts arguments) {
  const std::size_t n = arguments.size();
  if (name == "id" && n == 1) return arguments[0];
  if (name == "Rational" && n == 2) {
    return MakeExpr(ExprKind::kMul, {arguments[0], Power(arguments[1], MakeNumber(-1))});
  }
  if (name == "sqrt" && n == 1) return Power(arguments[0], MakeNumber(mpq_class(1, 2)));
  if (name == "cbrt" && n == 1) {
    return MakeExpr(ExprKind::kCall, {arguments[0], MakeNumber(3)}, "root");
  }
  if (name == "exp" && n == 1) return Power(MakeSymbol("e"), arguments[0]);
  if (name == "Pow" && n == 2) return Power(arguments[0], arguments[1]);
  if (name == "Mul") return MakeExpr(ExprKind::kMul, std::move(arguments));
  if (name == "Add") return MakeExpr(ExprKind::kAdd, std::move(arguments));
  if (name == "cis" && n == 1) {
    const ExprPtr sine = MakeExpr(ExprKind::kCall, {arguments[0]}, "sin");
    return MakeExpr(ExprKind::kAdd, {MakeExpr(ExprKind::kCall, {arguments[0]}, "cos"),
                                     MakeExpr(ExprKind::kMul, {MakeSymbol("i"), sine})});
  }
  if (name == "permutations" && n == 2) {
    const auto factorial = [](const ExprPtr& of) {
      return MakeExpr(ExprKind::kCall, {of}, "factorial");
    };
    const ExprPtr rest = MakeExpr(ExprKind::kAdd, {arguments[0], Negated(arguments[1])});
    return MakeExpr(ExprKind::kMul,
                    {factorial(arguments[0]), Power(factorial(rest), MakeNumber(-1))});
  }
  if (name == "list" && n == 1 && !IsScalar(*arguments[0])) {
    return MakeExpr(ExprKind::kList, arguments[0]->parts);
  }
  if (name == "Union") return MakeExpr(ExprKind::kUnion, std::move(arguments));
  if (name == "Intersection") return MakeExpr(ExprKind::kIntersection, std::move(arguments));
  if (name == "FiniteSet") return MakeExpr(ExprKind::kSet, std::move(arguments));
  if (name == "Tuple") return MakeExpr(ExprKind::kTuple, std::move(arguments));
  if (n == 2 && name.size() == 1 &&
      std::string_view("=!<>lg").find(name[0]) != std::string_view::npos) {
    return MakeExpr(ExprKind::kRelation, std::move(arguments), std::string(name));
  }
  if (name == "Matrix" && n == 1) {
    if (arguments[0]->kind == ExprKind::kMatrix) return arguments[0];
    auto column = std::make_shared<Expr>();
    column->kind = ExprKind::kMatrix;
    column->columns = 1;
    column->parts = IsScalar(*arguments[0]) ? Parts{arguments[0]} : arguments[0]->parts;
    return column;
  }
  return MakeExpr(ExprKind::kCall, std::move(arguments), std::string(name));
}

// Interval(a, b), Interval(a, b, True, True), Interval.open(a, b), .Lopen, .Ropen.
ExprPtr Parser::IntervalCall() {
  bool left = false, right = false;
  if (TakeSymbol(".")) {
    const std::string kind = Peek().text;
    ++at_;
    left = kind == "open" || kind == "Lopen";
    right = kind == "open" || kind == "Ropen";
  }
  Parts arguments = CallArguments();
  if (arguments.size() < 2 || arguments.size() > 4) throw Unreadable{};
  if (arguments.size() > 2) left = IsTrueWord(*arguments[2]);
  if (arguments.size() > 3) right = IsTrueWord(*arguments[3]);
  arguments.resize(2);
  const std::string ends = {left ? '(' : '[', right ? ')' : ']'};
  return MakeExpr(ExprKind::kInterval, std::move(arguments), ends);
}

// \lim_{x \to 0} body: a call of (variable, place, body).
ExprPtr Parser::Limit() {
  const Level level(*this);
  Expect("_");
  Expect("{");
  const ExprPtr variable = Primary();
  if (!IsVariable(*variable) || !(Peek().IsCommand("to") || Peek().IsCommand("rightarrow"))) {
    throw Unreadable{};
  }
  ++at_;
  const ExprPtr place = Sum();
  Expect("}");
  return MakeExpr(ExprKind::kCall, {variable, place, Term()}, "limit");
}

// \sum_{k=0}^{n} body, \prod, \int: a call of (variable, from, to, body).
ExprPtr Parser::BigOperator(const std::string& name) {
  const Level level(*this);
  ExprPtr below, above;
  for (int i = 0; i < 2; ++i) {
    if (TakeSymbol("_")) {
      below = Argument();
    } else if (TakeSymbol("^")) {
      above = Exponent();
    }
  }
  if (!below || !above) throw Unreadable{};
  if (name == "int") return MakeExpr(ExprKind::kCall, {below, above, Term()}, name);
  const bool range = below->kind == ExprKind::kRelation && below->name == "=" &&
                     below->parts[0]->kind == ExprKind::kSymbol;
  if (!range) throw Unreadable{};
  return MakeExpr(ExprKind::kCall, {below->parts[0], below->parts[1], above, Term()}, name);
}

}  // namespace gradus
