#include "verify/answers/expression/spelling.h"

#include <algorithm>
#include <array>
#include <utility>

namespace gradus {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

constexpr std::array kSymbols = {
    Pair{"leq", "<="},        Pair{"le", "<="},         Pair{"leqslant", "<="},
    Pair{"leqq", "<="},       Pair{"geq", ">="},        Pair{"ge", ">="},
    Pair{"geqslant", ">="},   Pair{"geqq", ">="},       Pair{"lt", "<"},
    Pair{"gt", ">"},          Pair{"ne", "!="},         Pair{"neq", "!="},
    Pair{"approx", "~"},      Pair{"simeq", "~"},       Pair{"cong", "~"},
    Pair{"doteq", "~"},       Pair{"sim", "~"},         Pair{"equiv", "="},
    Pair{"in", "in"},         Pair{"cup", "cup"},       Pair{"cap", "cap"},
    Pair{"setminus", "\\"},   Pair{"backslash", "\\"},  Pair{"pm", "+-"},
    Pair{"mp", "-+"},         Pair{"cdot", "*"},        Pair{"times", "*"},
    Pair{"ast", "*"},         Pair{"bullet", "*"},      Pair{"div", "/"},
    Pair{"lvert", "|"},       Pair{"rvert", "|"},       Pair{"vert", "|"},
    Pair{"mid", "|"},         Pair{"lVert", "||"},      Pair{"rVert", "||"},
    Pair{"Vert", "||"},       Pair{"|", "||"},          Pair{"langle", "("},
    Pair{"rangle", ")"},      Pair{"lbrack", "["},      Pair{"rbrack", "]"},
    Pair{"{", "\\{"},         Pair{"}", "\\}"},         Pair{"lbrace", "\\{"},
    Pair{"rbrace", "\\}"},    Pair{"ldots", "..."},     Pair{"dots", "..."},
    Pair{"cdots", "..."},     Pair{"dotsc", "..."},     Pair{"%", "%"},
    Pair{"circ", "°"},        Pair{"degree", "°"},      Pair{"prime", "'"},
    Pair{"colon", ":"},       Pair{"land", ","},        Pair{"wedge", ","},
    Pair{"lor", "or"},        Pair{"vee", "or"},        Pair{"cdotp", "*"},
    Pair{"lparen", "("},      Pair{"rparen", ")"},      Pair{"_", "_"},
    Pair{"&", ","},           Pair{"bigcup", "cup"},    Pair{"bigcap", "cap"},
    Pair{"lfloor", "lfloor"}, Pair{"rfloor", "rfloor"}, Pair{"lceil", "lceil"},
    Pair{"rceil", "rceil"},
};
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
constexpr std::array kUnicode = {
    Pair{"−", "-"},           Pair{"–", "-"},           Pair{"—", "-"},
    Pair{"×", "*"},           Pair{"·", "*"},           Pair{"⋅", "*"},
    Pair{"∗", "*"},           Pair{"∙", "*"},           Pair{"÷", "/"},
    Pair{"⁄", "/"},           Pair{"π", "\\pi "},       Pair{"∞", "\\infty "},
    Pair{"≤", "<="},          Pair{"≥", ">="},          Pair{"≠", "!="},
    Pair{"≈", "~"},           Pair{"√", "\\sqrt"},      Pair{"∪", "\\cup "},
    Pair{"∩", "\\cap "},      Pair{"∅", "\\emptyset "}, Pair{"∈", "\\in "},
    Pair{"±", "\\pm "},       Pair{"∓", "\\mp "},       Pair{"°", "\\circ "},
    Pair{"º", "\\circ "},     Pair{"²", "^2 "},         Pair{"³", "^3 "},
    Pair{"½", "\\frac12 "},   Pair{"¼", "\\frac14 "},   Pair{"¾", "\\frac34 "},
    Pair{"⅓", "\\frac13 "},   Pair{"…", "..."},         Pair{"’", "'"},
    Pair{"′", "'"},           Pair{"€", " "},           Pair{"£", " "},
    Pair{"¥", " "},           Pair{"₹", " "},           Pair{"\u00A0", " "},
    Pair{"\u2009", " "},      Pair{"\u202F", " "},      Pair{"\u200B", " "},
    Pair{"θ", "\\theta "},    Pair{"α", "\\alpha "},    Pair{"β", "\\beta "},
    Pair{"λ", "\\lambda "},   Pair{"μ", "\\mu "},       Pair{"ω", "\\omega "},
    Pair{"ℝ", "\\mathbb{R}"}, Pair{"⟨", "("},           Pair{"⟩", ")"},
    Pair{"，", ","},          Pair{"₁", "_1 "},         Pair{"₂", "_2 "},
    Pair{"₃", "_3 "},         Pair{"₀", "_0 "},         Pair{"“", " "},
    Pair{"”", " "},           Pair{"（", "("},          Pair{"）", ")"},
};
constexpr std::array kFunctions = {
    Pair{"sin", "sin"},
    Pair{"cos", "cos"},
    Pair{"tan", "tan"},
    Pair{"cot", "cot"},
    Pair{"sec", "sec"},
    Pair{"csc", "csc"},
    Pair{"arcsin", "asin"},
    Pair{"arccos", "acos"},
    Pair{"arctan", "atan"},
    Pair{"asin", "asin"},
    Pair{"acos", "acos"},
    Pair{"atan", "atan"},
    Pair{"sinh", "sinh"},
    Pair{"cosh", "cosh"},
    Pair{"tanh", "tanh"},
    Pair{"ln", "log"},
    Pair{"log", "log"},
    Pair{"lg", "log"},
    Pair{"exp", "exp"},
    Pair{"sqrt", "sqrt"},
    Pair{"cbrt", "cbrt"},
    Pair{"abs", "abs"},
    Pair{"Abs", "abs"},
    Pair{"floor", "floor"},
    Pair{"ceil", "ceil"},
    Pair{"ceiling", "ceil"},
    Pair{"factorial", "factorial"},
    Pair{"binomial", "binomial"},
    Pair{"max", "max"},
    Pair{"min", "min"},
    Pair{"gcd", "gcd"},
    Pair{"lcm", "lcm"},
    Pair{"det", "det"},
    Pair{"Max", "max"},
    Pair{"Min", "min"},
    Pair{"root", "root"},
    Pair{"Rational", "Rational"},
    Pair{"Integer", "id"},
    Pair{"Float", "id"},
    Pair{"Pow", "Pow"},
    Pair{"Mul", "Mul"},
    Pair{"Add", "Add"},
    Pair{"Matrix", "Matrix"},
    Pair{"ImmutableMatrix", "Matrix"},
    Pair{"Union", "Union"},
    Pair{"Interval", "Interval"},
    Pair{"FiniteSet", "FiniteSet"},
    Pair{"Eq", "Eq"},
    Pair{"Tuple", "Tuple"},
    Pair{"frac", "Rational"},
    Pair{"Intersection", "Intersection"},
};
constexpr std::array<std::string_view, 52> kNames = {
    "alpha",  "beta",     "gamma",    "delta",  "epsilon", "varepsilon", "zeta",       "eta",
    "theta",  "vartheta", "iota",     "kappa",  "lambda",  "mu",         "nu",         "xi",
    "pi",     "varpi",    "rho",      "varrho", "sigma",   "varsigma",   "tau",        "upsilon",
    "phi",    "varphi",   "chi",      "psi",    "omega",   "Gamma",      "Delta",      "Theta",
    "Lambda", "Xi",       "Pi",       "Sigma",  "Upsilon", "Phi",        "Psi",        "Omega",
    "hbar",   "ell",      "infty",    "oo",     "inf",     "emptyset",   "varnothing", "EmptySet",
    "Reals",  "odot",     "infinity", "nabla"};
constexpr std::array kUnits = {
    Pair{"cm", "cm"},         Pair{"mm", "mm"},          Pair{"km", "km"},
    Pair{"kg", "kg"},         Pair{"mg", "mg"},          Pair{"ml", "ml"},
    Pair{"mL", "ml"},         Pair{"mi", "mile"},        Pair{"ft", "foot"},
    Pair{"in", "inch"},       Pair{"yd", "yard"},        Pair{"lb", "pound"},
    Pair{"lbs", "pound"},     Pair{"oz", "ounce"},       Pair{"hr", "hour"},
    Pair{"hrs", "hour"},      Pair{"min", "minute"},     Pair{"mins", "minute"},
    Pair{"sec", "second"},    Pair{"secs", "second"},    Pair{"mph", "mph"},
    Pair{"kph", "kph"},       Pair{"sq", "square"},      Pair{"cu", "cubic"},
    Pair{"m", "meter"},       Pair{"g", "gram"},         Pair{"s", "second"},
    Pair{"h", "hour"},        Pair{"l", "liter"},        Pair{"L", "liter"},
    Pair{"feet", "foot"},     Pair{"inches", "inch"},    Pair{"metres", "meter"},
    Pair{"metre", "meter"},   Pair{"litres", "liter"},   Pair{"litre", "liter"},
    Pair{"people", "person"}, Pair{"children", "child"}, Pair{"degrees", "degree"},
    Pair{"deg", "degree"},    Pair{"rad", "radian"},     Pair{"usd", "dollar"},
    Pair{"cents", "cent"},    Pair{"pm", "pm"},          Pair{"PM", "pm"},
    Pair{"am", "am"},         Pair{"AM", "am"},          Pair{"Hz", "Hz"},
    Pair{"kHz", "kHz"},       Pair{"MHz", "MHz"},        Pair{"kW", "kW"},
    Pair{"kJ", "kJ"},         Pair{"Pa", "Pa"},          Pair{"mol", "mol"},
    Pair{"eV", "eV"},         Pair{"kPa", "kPa"},        Pair{"nm", "nm"},
};
constexpr std::array kNumberWords = {
    Pair{"zero", "0"},    Pair{"one", "1"},  Pair{"two", "2"},  Pair{"three", "3"},
    Pair{"four", "4"},    Pair{"five", "5"}, Pair{"six", "6"},  Pair{"seven", "7"},
    Pair{"eight", "8"},   Pair{"nine", "9"}, Pair{"ten", "10"}, Pair{"eleven", "11"},
    Pair{"twelve", "12"},
};

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
std::string_view FunctionName(std::string_view word) { return Find(kFunctions, word); }
bool IsSymbolName(std::string_view word) { return Contains(kNames, word); }
std::string_view NumberOfWord(std::string_view word) { return Find(kNumberWords, word); }

Respelled RespellUnicode(std::string_view text) {
  for (const auto& [from, to] : kUnicode) {
    if (text.starts_with(from)) return {to, from.size()};
  }
  return {};
}

std::string_view UnitName(std::string_view word) {
  if (const auto known = Find(kUnits, word); !known.empty()) return known;
  if (word.size() < 4) return "";
  // Any longer lower-case word behind a number is what is counted: "miles", "apples".
  const bool lower =
      std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  if (!lower || IsSymbolName(word) || !FunctionName(word).empty()) return "";
  if (word.find_first_of("aeiouy") == std::string_view::npos) return "";
  return word.ends_with('s') && !word.ends_with("ss") ? word.substr(0, word.size() - 1) : word;
}

bool IsPercentWord(std::string_view word) {
  return word == "percent" || word == "pct" || word == "percentage";
}

}  // namespace gradus
