#include <algorithm>

#include "verify/answers/expression/parse.h"
#include "verify/answers/expression/parser.h"
#include "verify/answers/tokens/characters.h"

namespace gradus {
namespace {

constexpr std::size_t kMaxTokens = 2000;
constexpr int kMaxLevel = 240;    // Some six to one bracket.
constexpr int kMaxSteps = 40000;  // Reading twice, nested, must not multiply without end.

bool IsAssignment(const Expr& expr) {
  return expr.kind == ExprKind::kRelation && expr.name == "=" && IsNameLike(*expr.parts[0]);
}

// "x: 1" of a Python dictionary.
bool IsEntry(const Expr& expr) {
  return expr.kind == ExprKind::kRatio && expr.parts.size() == 2 && IsNameLike(*expr.parts[0]) &&
         !IsNameLike(*expr.parts[1]);
}

}  // namespace

ExprPtr ParseAnswer(std::vector<AnswerToken> tokens) {
  if (tokens.empty() || tokens.size() > kMaxTokens) return nullptr;
  try {
    return Parser(std::move(tokens)).Whole();
  } catch (const Parser::Unreadable&) {
    return nullptr;
  }
}

Parser::Level::Level(Parser& p) : parser(p) {
  if (++parser.level_ > kMaxLevel || ++parser.steps_ > kMaxSteps) {
    --parser.level_;  // The destructor of an object that was never made does not run.
    throw Unreadable{};
  }
}

const AnswerToken& Parser::Peek(std::size_t ahead) const {
  static const AnswerToken kEndOfAnswer{Kind::kEnd, "", false, false, false};
  return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : kEndOfAnswer;
}

bool Parser::TakeSymbol(std::string_view symbol) {
  if (!AtSymbol(symbol)) return false;
  ++at_;
  return true;
}

void Parser::Expect(std::string_view symbol) {
  if (!TakeSymbol(symbol)) throw Unreadable{};
}

bool Parser::AtConnective() const {
  const AnswerToken& token = Peek();
  return token.IsSymbol(",") || token.IsSymbol("or") || token.IsSymbol("both") ||
         token.IsWord("and") || token.IsWord("or");
}

ExprPtr Parser::Whole() {
  ExprPtr expr = List();
  if (!AtEnd()) throw Unreadable{};
  return expr;
}

ExprPtr Parser::List() {
  std::vector<Parts> groups(1);
  bool ended = false;  // Whether an element was just read.
  bool both = false;   // Conditions that hold together: (3 < x) & (x < 9).
  while (!AtEnd()) {
    const bool either = AtSymbol(";") || AtSymbol("or") || Peek().IsWord("or");
    if (AtSymbol("both") || (AtSymbol("&") && environments_ == 0)) {
      ++at_;
      both = true;
      ended = false;
    } else if (AtConnective() && !either) {
      ++at_;
      ended = false;
    } else if (either) {
      ++at_;
      if (!groups.back().empty()) groups.emplace_back();
      ended = false;
    } else if (ended) {
      break;
    } else if (AtSymbol(")") || AtSymbol("]") || AtSymbol("}") || AtSymbol("\\}") ||
               Peek().kind == Kind::kEnd) {
      break;
    } else {
      groups.back().push_back(Relation());
      ended = true;
    }
  }
  if (groups.back().empty()) groups.pop_back();
  const bool together = both && groups.size() == 1 && groups[0].size() > 1;
  return together ? MakeExpr(ExprKind::kIntersection, std::move(groups[0]))
                  : ListOf(std::move(groups));
}

// "p=5,q=2;p=7,q=2" is a list of pairs, as with "or"; "1,2;3" is one list.
ExprPtr Parser::ListOf(std::vector<Parts> groups) {
  if (groups.empty()) return MakeExpr(ExprKind::kList, {});
  const bool pairs = groups.size() > 1 && groups[0].size() > 1 &&
                     std::all_of(groups.begin(), groups.end(), [&](const Parts& group) {
                       return group.size() == groups[0].size() &&
                              std::all_of(group.begin(), group.end(),
                                          [](const ExprPtr& e) { return IsAssignment(*e); });
                     });
  Parts all;
  for (Parts& group : groups) {
    if (pairs) {
      Parts values;
      for (const ExprPtr& element : group) values.push_back(element->parts.back());
      all.push_back(MakeExpr(ExprKind::kTuple, std::move(values)));
    } else {
      all.insert(all.end(), group.begin(), group.end());
    }
  }
  return all.size() == 1 ? all[0] : MakeExpr(ExprKind::kList, std::move(all));
}

// The elements up to a closing bracket, which stays.
Parser::Parts Parser::Elements() {
  const Level level(*this);
  const bool bars = std::exchange(in_bars_, false), set = std::exchange(in_set_, false);
  const ExprPtr list = List();
  in_bars_ = bars;
  in_set_ = set;
  return list->kind == ExprKind::kList ? list->parts : Parts{list};
}

// The operator of a relation at the reading position, or 0.
char Parser::RelationHere() const {
  const AnswerToken& token = Peek();
  static constexpr std::pair<std::string_view, char> kOperators[] = {
      {"=", relation::kEqual},   {"<", relation::kLess},     {">", relation::kGreater},
      {"<=", relation::kAtMost}, {">=", relation::kAtLeast}, {"!=", relation::kNotEqual},
      {"~", relation::kAbout},   {"in", relation::kIn}};
  if (token.kind != Kind::kSymbol) return 0;
  for (const auto& [symbol, op] : kOperators) {
    if (token.text == symbol) return op;
  }
  return 0;
}

ExprPtr Parser::Relation() {
  const Level level(*this);
  // "= 5" and "\approx 5" go on from something that stood before.
  if (AtSymbol("=") || AtSymbol("~")) ++at_;
  Parts parts = {Ratio()};
  std::string operators;
  while (const char op = RelationHere()) {
    ++at_;
    operators += op;
    parts.push_back(Ratio());
  }
  if (operators.empty()) return parts[0];
  return MakeExpr(ExprKind::kRelation, std::move(parts), operators);
}

ExprPtr Parser::Ratio() {
  Parts parts = {Residue()};
  bool time = false;
  while (!in_set_ && AtSymbol(":")) {
    ++at_;
    const AnswerToken& next = Peek();
    time = time || (next.kind == Kind::kNumber && next.text.size() == 2 && next.text[0] == '0');
    parts.push_back(Residue());
    time = time || parts.back()->kind == ExprKind::kUnit;
  }
  if (parts.size() == 1) return parts[0];
  return MakeExpr(ExprKind::kRatio, std::move(parts), time ? "time" : "");
}

// "10 \bmod 3", "3 \pmod 7".
ExprPtr Parser::Residue() {
  const ExprPtr value = SetExpression();
  const bool congruent = Peek().IsCommand("pmod"),
             remainder = Peek().IsCommand("bmod") || Peek().IsCommand("mod");
  if (!congruent && !remainder) return value;
  ++at_;
  const ExprPtr modulus = congruent && !AtSymbol("(") ? Argument() : Sum();
  return MakeExpr(ExprKind::kCall, {value, modulus}, "mod");
}

ExprPtr Parser::SetExpression() {
  ExprPtr left = Sum();
  if (TakeSymbol("choose")) left = MakeExpr(ExprKind::kCall, {left, Sum()}, "binomial");
  for (;;) {
    if (TakeSymbol("cup")) {
      left = MakeExpr(ExprKind::kUnion, {left, Sum()});
    } else if (TakeSymbol("cap")) {
      left = MakeExpr(ExprKind::kIntersection, {left, Sum()});
    } else if (AtSymbol("\\") && at_ + 1 < tokens_.size()) {
      ++at_;
      left = MakeExpr(ExprKind::kDifference, {left, Sum()});
    } else {
      return left;
    }
  }
}

// "(": a group, a tuple, or an interval that is open on the left.
ExprPtr Parser::Parenthesised() {
  Expect("(");
  Parts parts = Elements();
  if (TakeSymbol("]")) {
    if (parts.size() != 2) throw Unreadable{};
    return MakeExpr(ExprKind::kInterval, std::move(parts), "(]");
  }
  Expect(")");
  if (parts.empty()) throw Unreadable{};
  return parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kTuple, std::move(parts));
}

// "[": a group, an interval, a list, or the rows of a matrix.
ExprPtr Parser::Bracketed() {
  Expect("[");
  Parts parts = Elements();
  if (TakeSymbol(")")) {
    if (parts.size() != 2) throw Unreadable{};
    return MakeExpr(ExprKind::kInterval, std::move(parts), "[)");
  }
  Expect("]");
  if (parts.empty()) return MakeExpr(ExprKind::kSet, {});
  if (const ExprPtr matrix = MatrixOfRows(parts)) return matrix;
  if (parts.size() == 2) return MakeExpr(ExprKind::kInterval, std::move(parts), "[]");
  return parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kBracket, std::move(parts));
}

// [[a, b], [c, d]]; null when these are no rows of equal length.
ExprPtr Parser::MatrixOfRows(const Parts& rows) {
  Parts cells;
  for (const ExprPtr& row : rows) {
    const bool bracketed =
        row->kind == ExprKind::kBracket || (row->kind == ExprKind::kInterval && row->name == "[]");
    if (!bracketed || row->parts.size() != rows[0]->parts.size()) return nullptr;
    cells.insert(cells.end(), row->parts.begin(), row->parts.end());
  }
  if (cells.empty()) return nullptr;
  auto matrix = std::make_shared<Expr>();
  matrix->kind = ExprKind::kMatrix;
  matrix->columns = static_cast<int>(rows[0]->parts.size());
  matrix->parts = std::move(cells);
  return matrix;
}

// "{": braces of LaTeX, which group; with commas inside they were meant to be seen.
ExprPtr Parser::Braced() {
  Expect("{");
  Parts parts = Elements();
  Expect("}");
  if (parts.empty()) throw Unreadable{};
  if (std::all_of(parts.begin(), parts.end(), [](const auto& e) { return IsEntry(*e); })) {
    for (ExprPtr& entry : parts) entry = MakeExpr(ExprKind::kRelation, entry->parts, "=");
  } else if (parts[0]->kind == ExprKind::kRatio && Peek(0).kind == Kind::kEnd) {
    throw Unreadable{};  // A dictionary of numbers.
  }
  return parts.size() == 1 ? parts[0] : MakeExpr(ExprKind::kList, std::move(parts));
}

// "\{": a set by its elements or by a condition.
ExprPtr Parser::SetBraces() {
  Expect("\\{");
  if (Peek().kind == Kind::kBegin) {
    // A brace in front of lines: a system of equations.
    const ExprPtr system = Environment(Rows::kLines);
    TakeSymbol("\\}");
    return system;
  }
  const Level level(*this);
  const bool bars = std::exchange(in_bars_, false), set = std::exchange(in_set_, true);
  const ExprPtr list = List();
  in_bars_ = bars;
  in_set_ = set;
  if (TakeSymbol("|") || TakeSymbol(":")) {
    Parts conditions = Elements();
    Expect("\\}");
    if (conditions.size() != 1) throw Unreadable{};
    return conditions[0];
  }
  Expect("\\}");
  Parts parts = list->kind == ExprKind::kList ? list->parts : Parts{list};
  return MakeExpr(ExprKind::kSet, std::move(parts));
}

}  // namespace gradus
