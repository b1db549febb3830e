#include "verify/answers/expression/matrix.h"

#include <algorithm>

#include "verify/answers/expression/exact.h"

namespace gradus {
namespace {

using Cells = std::vector<ExprPtr>;

constexpr std::size_t kMaxCells = 100, kMaxOrder = 4;
constexpr std::size_t kMaxSize = 400;  // Of the tree of one cell.
constexpr long kMaxPower = 8;

bool IsMatrix(const Expr& expr) { return expr.kind == ExprKind::kMatrix; }

std::size_t Columns(const Expr& matrix) { return static_cast<std::size_t>(matrix.columns); }
std::size_t RowCount(const Expr& matrix) { return matrix.parts.size() / Columns(matrix); }
bool IsSquare(const Expr& matrix) { return RowCount(matrix) == Columns(matrix); }

// Folded where it can be, so that long products stay small.
ExprPtr Folded(const ExprPtr& expr) {
  const auto value = ExactValue(*expr);
  return value ? MakeNumber(*value) : expr;
}

// Cells share their parts, so that a tree can be far larger than what made it: counting stops at
// the limit.
std::size_t CountedUpTo(const Expr& expr, std::size_t limit) {
  std::size_t count = 1;
  for (const ExprPtr& part : expr.parts) {
    if (count >= limit) break;
    count += CountedUpTo(*part, limit - count);
  }
  return count;
}

bool IsTooLarge(const Expr& expr) { return CountedUpTo(expr, kMaxSize) >= kMaxSize; }

// Null when a cell is too large.
ExprPtr MakeMatrix(Cells cells, std::size_t columns) {
  auto matrix = std::make_shared<Expr>();
  matrix->kind = ExprKind::kMatrix;
  for (const ExprPtr& cell : cells) {
    if (!cell || IsTooLarge(*cell)) return nullptr;
    matrix->parts.push_back(Folded(cell));
  }
  matrix->columns = static_cast<int>(columns);
  return matrix;
}

ExprPtr Scaled(const Expr& matrix, const ExprPtr& factor) {
  Cells cells;
  for (const ExprPtr& cell : matrix.parts) {
    cells.push_back(MakeExpr(ExprKind::kMul, {factor, cell}));
  }
  return MakeMatrix(std::move(cells), Columns(matrix));
}

// Null when the sizes do not fit.
ExprPtr Product(const Expr& a, const Expr& b) {
  if (Columns(a) != RowCount(b) || RowCount(a) * Columns(b) > kMaxCells) return nullptr;
  Cells cells;
  for (std::size_t i = 0; i < RowCount(a); ++i) {
    for (std::size_t j = 0; j < Columns(b); ++j) {
      Cells terms;
      for (std::size_t k = 0; k < Columns(a); ++k) {
        terms.push_back(
            MakeExpr(ExprKind::kMul, {a.parts[i * Columns(a) + k], b.parts[k * Columns(b) + j]}));
      }
      cells.push_back(MakeExpr(ExprKind::kAdd, std::move(terms)));
    }
  }
  return MakeMatrix(std::move(cells), Columns(b));
}

ExprPtr Sum(const Cells& terms) {
  Cells cells;
  for (std::size_t i = 0; i < terms[0]->parts.size(); ++i) {
    Cells column;
    for (const ExprPtr& term : terms) {
      const bool fits = IsMatrix(*term) && term->columns == terms[0]->columns &&
                        term->parts.size() == terms[0]->parts.size();
      if (!fits) return nullptr;
      column.push_back(term->parts[i]);
    }
    cells.push_back(MakeExpr(ExprKind::kAdd, std::move(column)));
  }
  return MakeMatrix(std::move(cells), Columns(*terms[0]));
}

ExprPtr Transposed(const Expr& matrix) {
  Cells cells;
  for (std::size_t j = 0; j < Columns(matrix); ++j) {
    for (std::size_t i = 0; i < RowCount(matrix); ++i) {
      cells.push_back(matrix.parts[i * Columns(matrix) + j]);
    }
  }
  return MakeMatrix(std::move(cells), RowCount(matrix));
}

// The matrix without one row and one column.
Cells Minor(const Cells& cells, std::size_t order, std::size_t row, std::size_t column) {
  Cells minor;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i / order != row && i % order != column) minor.push_back(cells[i]);
  }
  return minor;
}

// By cofactors of the first row; null when it grows too large. REQUIRES: order * order cells, at
// most kMaxOrder.
ExprPtr Determinant(const Cells& cells, std::size_t order) {
  if (order == 1) return cells[0];
  Cells terms;
  for (std::size_t j = 0; j < order; ++j) {
    const ExprPtr minor = Determinant(Minor(cells, order, 0, j), order - 1);
    if (!minor) return nullptr;
    terms.push_back(MakeExpr(ExprKind::kMul, {MakeNumber(j % 2 == 0 ? 1 : -1), cells[j], minor}));
  }
  const ExprPtr sum = MakeExpr(ExprKind::kAdd, std::move(terms));
  return IsTooLarge(*sum) ? nullptr : Folded(sum);
}

ExprPtr Inverted(const Expr& matrix) {
  const std::size_t n = Columns(matrix);
  if (!IsSquare(matrix) || n < 2 || n > kMaxOrder) return nullptr;
  const ExprPtr determinant = Determinant(matrix.parts, n);
  if (!determinant) return nullptr;
  const ExprPtr inverse = MakeExpr(ExprKind::kPower, {determinant, MakeNumber(-1)});
  Cells cells;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const ExprPtr cofactor = Determinant(Minor(matrix.parts, n, j, i), n - 1);
      if (!cofactor) return nullptr;
      cells.push_back(
          MakeExpr(ExprKind::kMul, {MakeNumber((i + j) % 2 == 0 ? 1 : -1), cofactor, inverse}));
    }
  }
  return MakeMatrix(std::move(cells), n);
}

ExprPtr Power(const ExprPtr& matrix, const Expr& exponent) {
  if (exponent.kind == ExprKind::kSymbol && (exponent.name == "T" || exponent.name == "top")) {
    return Transposed(*matrix);
  }
  if (exponent.kind != ExprKind::kNumber || !IsSquare(*matrix)) return nullptr;
  if (exponent.value == -1) return Inverted(*matrix);
  if (exponent.value.get_den() != 1 || exponent.value < 1 || exponent.value > kMaxPower) {
    return nullptr;
  }
  ExprPtr result = matrix;
  for (long i = 1; i < exponent.value.get_num().get_si() && result; ++i) {
    // Cells that do not fold grow with every product.
    const bool numbers = std::all_of(result->parts.begin(), result->parts.end(),
                                     [](const auto& c) { return c->kind == ExprKind::kNumber; });
    if (!numbers && i > 2) return nullptr;
    result = Product(*result, *matrix);
  }
  return result;
}

ExprPtr Multiplied(const Cells& factors) {
  ExprPtr matrix;
  Cells scalars;
  for (const ExprPtr& factor : factors) {
    if (!IsMatrix(*factor)) {
      scalars.push_back(factor);
    } else {
      matrix = matrix ? Product(*matrix, *factor) : factor;
      if (!matrix) return nullptr;
    }
  }
  if (scalars.empty()) return matrix;
  return Scaled(*matrix, MakeExpr(ExprKind::kMul, std::move(scalars)));
}

}  // namespace

ExprPtr WithMatricesWorkedOut(const ExprPtr& expr) {
  const auto is_matrix = [](const Expr& e) { return IsMatrix(e); };
  if (!expr || IsMatrix(*expr) || !AnyPart(*expr, is_matrix)) return expr;
  auto copy = std::make_shared<Expr>(*expr);
  for (ExprPtr& part : copy->parts) part = WithMatricesWorkedOut(part);
  const Cells& parts = copy->parts;
  const bool direct =
      std::any_of(parts.begin(), parts.end(), [](const ExprPtr& part) { return IsMatrix(*part); });
  if (!direct) return copy;
  ExprPtr result;
  const bool first = IsMatrix(*parts[0]);
  if (copy->kind == ExprKind::kAdd && first) result = Sum(parts);
  if (copy->kind == ExprKind::kMul) result = Multiplied(parts);
  if (copy->kind == ExprKind::kPower && first) result = Power(parts[0], *parts[1]);
  const bool determinant = copy->kind == ExprKind::kCall && first && IsSquare(*parts[0]) &&
                           Columns(*parts[0]) <= kMaxOrder &&
                           (copy->name == "det" || copy->name == "abs");
  if (determinant) result = Determinant(parts[0]->parts, Columns(*parts[0]));
  return result ? result : copy;
}

}  // namespace gradus
