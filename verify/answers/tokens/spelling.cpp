#include "verify/answers/tokens/spelling.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gradus {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr Pair kSymbols[] = {
    {"leq", "<="},      {"le", "<="},       {"leqslant", "<="},   {"leqq", "<="},
    {"geq", ">="},      {"ge", ">="},       {"geqslant", ">="},   {"geqq", ">="},
    {"lt", "<"},        {"gt", ">"},        {"ne", "!="},         {"neq", "!="},
    {"approx", "~"},    {"simeq", "~"},     {"cong", "~"},        {"doteq", "~"},
    {"sim", "~"},       {"equiv", "="},     {"in", "in"},         {"cup", "cup"},
    {"cap", "cap"},     {"setminus", "\\"}, {"backslash", "\\"},  {"pm", "+-"},
    {"mp", "-+"},       {"cdot", "*"},      {"times", "*"},       {"ast", "*"},
    {"bullet", "*"},    {"div", "/"},       {"lvert", "|"},       {"rvert", "|"},
    {"vert", "|"},      {"mid", "|"},       {"lVert", "||"},      {"rVert", "||"},
    {"Vert", "||"},     {"|", "||"},        {"langle", "("},      {"rangle", ")"},
    {"lbrack", "["},    {"rbrack", "]"},    {"{", "\\{"},         {"}", "\\}"},
    {"lbrace", "\\{"},  {"rbrace", "\\}"},  {"ldots", "..."},     {"dots", "..."},
    {"cdots", "..."},   {"dotsc", "..."},   {"%", "%"},           {"circ", "°"},
    {"degree", "°"},    {"prime", "'"},     {"colon", ":"},       {"land", "both"},
    {"wedge", "both"},  {"lor", "or"},      {"vee", "or"},        {"cdotp", "*"},
    {"lparen", "("},    {"rparen", ")"},    {"_", "_"},           {"&", ","},
    {"bigcup", "cup"},  {"bigcap", "cap"},  {"lfloor", "lfloor"}, {"rfloor", "rfloor"},
    {"lceil", "lceil"}, {"rceil", "rceil"}, {"choose", "choose"}};
constexpr std::array<std::string_view, 44> kLayout = {
    "left",      "right",       "big",        "Big",       "bigl",     "bigr",
    "Bigl",      "Bigr",        "bigg",       "Bigg",      "biggl",    "biggr",
    "Biggl",     "Biggr",       "quad",       "qquad",     "enspace",  "displaystyle",
    "textstyle", "scriptstyle", "limits",     "nolimits",  ",",        "!",
    ";",         ":",           " ",          "thinspace", "n",        "hspace",
    "middle",    "mathbf",      "boldsymbol", "mathcal",   "mathit",   "bm",
    "mathsf",    "rm",          "bf",         "it",        "mathfrak", "operatorname*",
    "noindent",  "hfill"};
constexpr std::array<std::string_view, 12> kText = {"text", "mathrm", "textbf",       "textit",
                                                    "mbox", "textrm", "texttt",       "textsf",
                                                    "emph", "hbox",   "operatorname", "textnormal"};
constexpr std::array<std::string_view, 9> kAccents = {
    "vec", "hat", "bar", "tilde", "overline", "overrightarrow", "widehat", "dot", "underline"};
constexpr std::array<std::string_view, 36> kCommon = {
    "frac", "dfrac", "tfrac", "cfrac",  "sqrt",  "left",  "right", "pi",     "le",
    "leq",  "ge",    "geq",   "ne",     "neq",   "text",  "boxed", "infty",  "cup",
    "cap",  "pm",    "cdot",  "times",  "theta", "alpha", "beta",  "sin",    "cos",
    "tan",  "log",   "ln",    "mathrm", "begin", "end",   "in",    "mathbf", "circ"};
// Functions under their own names.
constexpr std::array<std::string_view, 39> kFunctionNames = {
    "sin",   "cos",      "tan",       "cot",       "sec",          "csc", "asin", "acos",
    "atan",  "sinh",     "cosh",      "tanh",      "log",          "exp", "sqrt", "cbrt",
    "abs",   "floor",    "ceil",      "factorial", "binomial",     "max", "min",  "gcd",
    "lcm",   "det",      "root",      "Rational",  "Pow",          "Mul", "Add",  "Matrix",
    "Union", "Interval", "FiniteSet", "Tuple",     "Intersection", "cis", "list"};
constexpr Pair kFunctions[] = {{"arcsin", "asin"},
                               {"arccos", "acos"},
                               {"arctan", "atan"},
                               {"ln", "log"},
                               {"lg", "log"},
                               {"Abs", "abs"},
                               {"ceiling", "ceil"},
                               {"Max", "max"},
                               {"Min", "min"},
                               {"Integer", "id"},
                               {"Float", "id"},
                               {"ImmutableMatrix", "Matrix"},
                               {"Eq", "="},
                               {"frac", "Rational"},
                               {"nCr", "binomial"},
                               {"comb", "binomial"},
                               {"nPr", "permutations"},
                               {"perm", "permutations"},
                               {"Fraction", "Rational"},
                               {"Decimal", "id"},
                               {"mpf", "id"},
                               {"float", "id"},
                               {"array", "list"},
                               {"And", "Intersection"},
                               {"Or", "Union"},
                               {"Ne", "!"},
                               {"Gt", ">"},
                               {"Ge", "g"},
                               {"Lt", "<"},
                               {"Le", "l"}};
constexpr std::array<std::string_view, 52> kNames = {
    "alpha",  "beta",     "gamma",    "delta",  "epsilon", "varepsilon", "zeta",       "eta",
    "theta",  "vartheta", "iota",     "kappa",  "lambda",  "mu",         "nu",         "xi",
    "pi",     "varpi",    "rho",      "varrho", "sigma",   "varsigma",   "tau",        "upsilon",
    "phi",    "varphi",   "chi",      "psi",    "omega",   "Gamma",      "Delta",      "Theta",
    "Lambda", "Xi",       "Pi",       "Sigma",  "Upsilon", "Phi",        "Psi",        "Omega",
    "hbar",   "ell",      "infty",    "oo",     "inf",     "emptyset",   "varnothing", "EmptySet",
    "Reals",  "odot",     "infinity", "nabla"};
template <class Table>
std::string_view Find(const Table& table, std::string_view word) {
  for (const auto& [from, to] : table) {
    if (from == word) return to;
  }
  return "";
}

template <class Table>
bool Contains(const Table& table, std::string_view word) {
  return std::find(table.begin(), table.end(), word) != table.end();
}

}  // namespace

std::string_view SymbolOfCommand(std::string_view command) { return Find(kSymbols, command); }
bool IsLayoutCommand(std::string_view command) { return Contains(kLayout, command); }
bool IsTextCommand(std::string_view command) { return Contains(kText, command); }
bool IsAccentCommand(std::string_view command) { return Contains(kAccents, command); }
bool IsCommonCommand(std::string_view command) { return Contains(kCommon, command); }
std::string_view FunctionName(std::string_view word) {
  const auto* name = std::find(kFunctionNames.begin(), kFunctionNames.end(), word);
  return name == kFunctionNames.end() ? Find(kFunctions, word) : *name;
}
bool IsSymbolName(std::string_view word) { return Contains(kNames, word); }

}  // namespace gradus
