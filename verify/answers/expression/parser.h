#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "verify/answers/expression/expr.h"
#include "verify/answers/tokens/token.h"

namespace gradus {

// Recursive descent over the tokens of an answer; internal to parse*.cpp. Loosest first:
//   list      relation (("," | ";" | and | or) relation)*
//   relation  ratio (("=" | "<" | in | ...) ratio)*
//   ratio     residue (":" residue)*
//   residue   set (mod sum)?
//   set       sum ((cup | cap | "\") sum)*
//   sum       term (("+" | "-" | "+-") term)*
//   term      factor (("*" | "/" | nothing) factor)* unit?
class Parser {
 public:
  // What ends the reading: the answer is not of this language. Caught in ParseAnswer.
  struct Unreadable {};

  explicit Parser(std::vector<AnswerToken> tokens) : tokens_(std::move(tokens)) {}
  ExprPtr Whole();

 private:
  using Kind = AnswerToken::Kind;
  using Parts = std::vector<ExprPtr>;

  // parse_structure.cpp
  char RelationHere() const;
  ExprPtr List();
  ExprPtr ListOf(std::vector<Parts> groups);
  Parts Elements();
  ExprPtr Relation();
  ExprPtr Ratio();
  ExprPtr Residue();
  ExprPtr SetExpression();
  ExprPtr Parenthesised();
  ExprPtr Bracketed();
  ExprPtr Braced();
  ExprPtr SetBraces();
  enum class Rows { kCells, kLines };
  ExprPtr Environment(Rows rows);
  ExprPtr Lines();
  ExprPtr Continued(const ExprPtr& line);
  ExprPtr Pieces();
  std::size_t EndOfEnvironment() const;
  bool HasColumns() const;
  ExprPtr MatrixOfRows(const Parts& rows);

  // parse_terms.cpp
  ExprPtr Sum();
  ExprPtr Term();
  ExprPtr SignedFactor();
  ExprPtr Factor();
  ExprPtr MixedNumber(const ExprPtr& whole);
  ExprPtr Postfix(ExprPtr base);
  ExprPtr Raised(const ExprPtr& base);
  ExprPtr Exponent();
  ExprPtr Subscripted(const ExprPtr& base);
  static ExprPtr InBase(const std::string& digits, const ExprPtr& base);
  std::string TakeScale();

  // parse_units.cpp
  ExprPtr WithUnit(const ExprPtr& value);
  ExprPtr WithSmallerUnit(const ExprPtr& value);
  std::string UnitText(std::string name, bool letters, std::size_t shortest);
  std::string UnitPower();
  std::string UnitWord(bool letters, std::size_t shortest);

  // parse_atoms.cpp
  ExprPtr Primary();
  ExprPtr Number();
  ExprPtr RepeatingDecimal(const std::string& digits);
  std::string MarkedPeriod();
  ExprPtr Letters();
  ExprPtr Command();
  ExprPtr Bars();
  ExprPtr Money();
  ExprPtr Selection(const ExprPtr& from);
  ExprPtr LeadingSelection();
  ExprPtr Argument();
  ExprPtr Root();
  ExprPtr Accent(const std::string& name);

  // parse_calls.cpp
  ExprPtr Function(std::string_view name);
  ExprPtr ImplicitArgument();
  Parts CallArguments();
  ExprPtr Constructed(std::string_view name, Parts arguments);
  ExprPtr IntervalCall();
  ExprPtr BigOperator(const std::string& name);
  ExprPtr Limit();

  const AnswerToken& Peek(std::size_t ahead = 0) const;
  bool AtEnd() const { return at_ >= tokens_.size(); }
  bool AtSymbol(std::string_view symbol) const { return Peek().IsSymbol(symbol); }
  bool TakeSymbol(std::string_view symbol);
  void Expect(std::string_view symbol);
  bool AtConnective() const;
  bool StartsFactor() const;
  bool StartsNamedFunction() const;

  // Bounds recursion.
  struct Level {
    explicit Level(Parser& p);
    ~Level() { --parser.level_; }
    Parser& parser;
  };

  // Counts open environments, in which "&" parts columns.
  struct Inside {
    explicit Inside(int& open) : count(open) { ++count; }
    ~Inside() { --count; }
    int& count;
  };

  std::vector<AnswerToken> tokens_;
  std::size_t at_ = 0;
  int level_ = 0;
  int steps_ = 0;
  int environments_ = 0;
  bool in_bars_ = false;  // Inside |...|: a bar closes.
  bool in_set_ = false;   // Inside {...}: a bar or a colon begins the condition.
};

}  // namespace gradus
