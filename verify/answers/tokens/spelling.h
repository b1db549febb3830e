#pragma once
#include <string_view>

namespace gradus {

// Tables of how answers are spelled. Every function is pure and returns "" (or false) for what it
// does not know.

// Canonical symbol of a LaTeX command (without its backslash): "leq" -> "<=", "cup" -> "cup".
std::string_view SymbolOfCommand(std::string_view command);

// Commands that say nothing of the meaning: spacing, sizing, style.
bool IsLayoutCommand(std::string_view command);

// \text and its kin, whose argument is prose, a name or a unit.
bool IsTextCommand(std::string_view command);

// \vec, \hat, ...: they decorate a name.
bool IsAccentCommand(std::string_view command);

// Commands a text may have escaped twice ("\\frac" for "\frac").
bool IsCommonCommand(std::string_view command);

// Canonical name of a function of one or more arguments: "arcsin" -> "asin", "ln" -> "log".
std::string_view FunctionName(std::string_view word);

// A Greek letter or another name that stands for one symbol: "alpha", "pi", "hbar".
bool IsSymbolName(std::string_view word);

}  // namespace gradus
