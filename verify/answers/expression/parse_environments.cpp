#include <algorithm>

#include "verify/answers/expression/parser.h"

namespace gradus {

// \begin{pmatrix} ... \end{pmatrix} and its kin; other environments hold lines, which are a list.
ExprPtr Parser::Environment(Rows rows) {
  const Level level(*this);
  const std::string name = Peek().text;
  const bool matrix_name = name.find("matrix") != std::string::npos || name == "array";
  if (name.find("cases") != std::string::npos && HasColumns()) return Pieces();
  if (rows == Rows::kLines || !matrix_name) return Lines();
  ++at_;
  const Inside inside(environments_);
  auto matrix = std::make_shared<Expr>();
  matrix->kind = ExprKind::kMatrix;
  int column = 0;
  const auto end_row = [&] {
    if (column == 0) return;
    if (matrix->columns == 0) matrix->columns = column;
    if (matrix->columns != column) throw Unreadable{};
    column = 0;
  };
  while (Peek().kind != Kind::kEnd) {
    if (AtEnd()) throw Unreadable{};
    if (TakeSymbol("newline")) {
      end_row();
    } else if (Peek().IsCommand("hline") || AtSymbol("&") || AtSymbol(",")) {
      ++at_;
    } else {
      matrix->parts.push_back(Relation());
      ++column;
    }
  }
  end_row();
  if (AtEnd() || matrix->parts.empty()) throw Unreadable{};
  ++at_;
  if (name == "vmatrix") return MakeExpr(ExprKind::kCall, {matrix}, "det");
  return matrix;
}

// Position of the \end that belongs to the \begin at the reading position.
std::size_t Parser::EndOfEnvironment() const {
  int depth = 0;
  for (std::size_t i = at_; i < tokens_.size(); ++i) {
    if (tokens_[i].kind == Kind::kBegin) ++depth;
    if (tokens_[i].kind == Kind::kEnd && --depth == 0) return i;
  }
  throw Unreadable{};
}

bool Parser::HasColumns() const {
  const auto begin = tokens_.begin();
  return std::any_of(begin + static_cast<std::ptrdiff_t>(at_),
                     begin + static_cast<std::ptrdiff_t>(EndOfEnvironment()),
                     [](const AnswerToken& token) { return token.IsSymbol("&"); });
}

// A line that begins with its sign goes on from the line before.
ExprPtr Parser::Continued(const ExprPtr& line) {
  const bool chain = line->kind == ExprKind::kRelation;
  Parts parts = chain ? line->parts : Parts{line};
  std::string operators = chain ? line->name : "";
  while (const char op = RelationHere()) {
    ++at_;
    operators += op;
    parts.push_back(Ratio());
  }
  return MakeExpr(ExprKind::kRelation, std::move(parts), operators);
}

// x = 1, \\ y = 2
ExprPtr Parser::Lines() {
  // The signs of aligned equations stand behind a "&"; those of matrices inside stay.
  const std::size_t end = EndOfEnvironment();
  std::vector<AnswerToken> kept;
  int depth = 0;
  for (std::size_t i = at_; i < end; ++i) {
    depth += (tokens_[i].kind == Kind::kBegin) - (tokens_[i].kind == Kind::kEnd);
    if (depth > 1 || !tokens_[i].IsSymbol("&")) kept.push_back(tokens_[i]);
  }
  tokens_.erase(tokens_.begin() + static_cast<std::ptrdiff_t>(at_),
                tokens_.begin() + static_cast<std::ptrdiff_t>(end));
  tokens_.insert(tokens_.begin() + static_cast<std::ptrdiff_t>(at_), kept.begin(), kept.end());
  ++at_;
  Parts lines;
  while (Peek().kind != Kind::kEnd) {
    if (AtSymbol("newline") || AtConnective()) {
      ++at_;
      continue;
    }
    if (RelationHere() != 0 && !lines.empty()) {
      lines.back() = Continued(lines.back());
    } else {
      lines.push_back(Relation());
    }
  }
  if (AtEnd() || lines.empty()) throw Unreadable{};
  ++at_;
  return lines.size() == 1 ? lines[0] : MakeExpr(ExprKind::kList, std::move(lines));
}

// \begin{cases} value & condition \\ ... \end{cases}: a call of values and conditions in turn.
ExprPtr Parser::Pieces() {
  ++at_;
  const Inside inside(environments_);
  Parts parts;
  while (Peek().kind != Kind::kEnd) {
    if (AtEnd()) throw Unreadable{};
    while (TakeSymbol("newline")) {
    }
    if (Peek().kind == Kind::kEnd) break;
    parts.push_back(Relation());
    TakeSymbol(",");
    Expect("&");
    if (Peek().IsWord("if") || Peek().IsWord("when") || Peek().IsWord("for")) ++at_;
    parts.push_back(Relation());
  }
  ++at_;
  if (parts.empty()) throw Unreadable{};
  return MakeExpr(ExprKind::kCall, std::move(parts), "piecewise");
}

}  // namespace gradus
