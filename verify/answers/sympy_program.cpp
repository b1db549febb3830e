#include "verify/answers/sympy_program.h"

#include <fmt/format.h>

#include <map>

#include "verify/answers/expression/exact.h"
#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxDigits = 1000;
constexpr std::size_t kMaxProgram = 50000;
constexpr long kMaxExponent = 1000;

// Ends the writing: this expression has no place in the program.
struct NoConstructor {};

class Writer {
 public:
  std::string Text(const Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kNumber:
      case ExprKind::kBased:
        return Number(expr.value);
      case ExprKind::kSymbol:
        return Symbol(expr.name);
      case ExprKind::kAdd:
        return "Add(" + Parts(expr) + ")";
      case ExprKind::kMul:
        return "Mul(" + Parts(expr) + ")";
      case ExprKind::kPower:
        return Power(expr);
      case ExprKind::kPercent:
        return "Mul(Rational(1,100)," + Text(*expr.parts[0]) + ")";
      case ExprKind::kCall:
        return Call(expr);
      default:
        throw NoConstructor{};
    }
  }

  std::size_t names() const { return names_.size(); }

 private:
  static std::string Number(const mpq_class& value) {
    const std::string top = value.get_num().get_str(), bottom = value.get_den().get_str();
    if (top.size() + bottom.size() > kMaxDigits) throw NoConstructor{};
    return bottom == "1" ? "Integer(" + top + ")" : "Rational(" + top + "," + bottom + ")";
  }

  std::string Variable(const std::string& name) {
    return fmt::format("v[{}]", names_.emplace(name, names_.size()).first->second);
  }

  std::string Symbol(const std::string& name) {
    if (name == "pi") return "pi";
    if (name == "e") return "E";
    if (name == "i") return "I";
    if (name == "oo") return "oo";
    if (name == "zoo" || name == "..." || name == "Reals") throw NoConstructor{};
    return Variable(name);
  }

  std::string Parts(const Expr& expr) {
    std::string text;
    for (const ExprPtr& part : expr.parts) text += (text.empty() ? "" : ",") + Text(*part);
    return text;
  }

  // A power that sympy would work out at once must be small; towers are not sent.
  std::string Power(const Expr& expr) {
    if (!HasVariables(*expr.parts[1])) {
      const auto exponent = ExactValue(*expr.parts[1]);
      const bool tower = !exponent && expr.parts[1]->kind == ExprKind::kPower &&
                         expr.parts[0]->kind == ExprKind::kNumber;
      if (tower || (exponent && abs(*exponent) > kMaxExponent)) throw NoConstructor{};
    }
    return "Pow(" + Parts(expr) + ")";
  }

  std::string Call(const Expr& expr) {
    static const std::map<std::string, std::string> kConstructors = {{"sin", "sin"},
                                                                     {"cos", "cos"},
                                                                     {"tan", "tan"},
                                                                     {"cot", "cot"},
                                                                     {"sec", "sec"},
                                                                     {"csc", "csc"},
                                                                     {"asin", "asin"},
                                                                     {"acos", "acos"},
                                                                     {"atan", "atan"},
                                                                     {"sinh", "sinh"},
                                                                     {"cosh", "cosh"},
                                                                     {"tanh", "tanh"},
                                                                     {"acot", "acot"},
                                                                     {"asec", "asec"},
                                                                     {"acsc", "acsc"},
                                                                     {"log", "log"},
                                                                     {"Log", "log"},
                                                                     {"abs", "Abs"},
                                                                     {"floor", "floor"},
                                                                     {"ceil", "ceiling"},
                                                                     {"max", "Max"},
                                                                     {"min", "Min"},
                                                                     {"gcd", "gcd"},
                                                                     {"lcm", "lcm"},
                                                                     {"factorial", "factorial"},
                                                                     {"binomial", "binomial"}};
    if (expr.name == "root") {
      return "root(" + Parts(expr) + ")";
    }
    if (expr.name == "limit") {
      return fmt::format("Limit({},{},{})", Text(*expr.parts[2]), Text(*expr.parts[0]),
                         Text(*expr.parts[1]));
    }
    if (expr.name == "sum" || expr.name == "prod") {
      if (!IsVariable(*expr.parts[0])) throw NoConstructor{};  // An index named i.
      return fmt::format("{}({},({},{},{}))", expr.name == "sum" ? "Sum" : "Product",
                         Text(*expr.parts[3]), Text(*expr.parts[0]), Text(*expr.parts[1]),
                         Text(*expr.parts[2]));
    }
    if (const auto known = kConstructors.find(expr.name); known != kConstructors.end()) {
      const auto argument = ExactValue(*expr.parts[0]);
      if (expr.name == "factorial" && argument && *argument > kMaxExponent) throw NoConstructor{};
      return known->second + "(" + Parts(expr) + ")";
    }
    // A name with an index and a function that nothing is known of stay what they are.
    if (expr.name == "index" || expr.name == "prime" || expr.name.starts_with("f:")) {
      const std::string name = Variable("function " + expr.name);
      return fmt::format("Function({}.name)({})", name, Parts(expr));
    }
    throw NoConstructor{};
  }

  std::map<std::string, std::size_t> names_;
};

// Equality first by simplification, then by sympy's own numbers; a difference must be seen.
constexpr const char* kProgram =
    "from sympy import *\n"
    "v = [Symbol('v%d' % k) for k in range({})]\n"
    "def same(a, b):\n"
    "    d = (a - b).doit()\n"
    "    if d == 0 or simplify(d) == 0 or simplify(expand_func(d).rewrite(exp)) == 0:\n"
    "        return True\n"
    "    return d.equals(0)\n"
    "found = [same(a, b) for a, b in [{}]]\n"
    "print('different' if any(f is False for f in found) else 'equal' if all(found) else "
    "'unknown')\n";

}  // namespace

std::string SympyProgram(const std::vector<std::pair<ExprPtr, ExprPtr>>& pairs) {
  if (pairs.empty()) return "";
  try {
    Writer writer;
    std::string list;
    for (const auto& [a, b] : pairs) {
      list += "(" + writer.Text(*a) + "," + writer.Text(*b) + "),";
      if (list.size() > kMaxProgram) return "";
    }
    return fmt::format(fmt::runtime(kProgram), writer.names(), list);
  } catch (const NoConstructor&) {
    return "";
  }
}

Judgement ReadSympyOutput(bool ok, std::string_view printed) {
  if (!ok) return {Verdict::kUnverifiable, "symbolic-failed"};
  const std::string_view word = Trim(printed);
  if (word == "equal") return {Verdict::kCorrect, "symbolic-equal"};
  if (word == "different") return {Verdict::kWrong, "symbolic-different"};
  return {Verdict::kUnverifiable, "symbolic-unknown"};
}

}  // namespace gradus
