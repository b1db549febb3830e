#include <algorithm>
#include <cctype>

#include "verify/answers/modes.h"
#include "verify/answers/tokens/characters.h"
#include "verify/answers/tokens/token.h"

namespace gradus {
namespace {

void Replace(std::string& text, std::string_view from, std::string_view to) {
  std::string result;
  std::size_t at = 0;
  for (std::size_t found = text.find(from); found != std::string::npos;
       found = text.find(from, at)) {
    result.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  result.append(text, at);
  text = std::move(result);
}

void Remove(std::string& text, std::string_view what) { Replace(text, what, ""); }

// "\sqrt3" and "\frac12" get their braces.
void BraceArguments(std::string& text, std::string_view command, int count) {
  std::string result;
  std::size_t at = 0;
  for (std::size_t found = text.find(command); found != std::string::npos;
       found = text.find(command, at)) {
    result.append(text, at, found + command.size() - at);
    at = found + command.size();
    for (int i = 0; i < count && at < text.size(); ++i) {
      if (text[at] == '{' || text[at] == '[') {
        const std::size_t end = text[at] == '{' ? AfterClosingBrace(text, at) : std::string::npos;
        if (end == std::string::npos) break;
        result.append(text, at, end - at);
        at = end;
      } else if (IsDigit(text[at]) || IsLetter(text[at])) {
        result.append("{").append(1, text[at++]).append("}");
      } else {
        break;
      }
    }
  }
  result.append(text, at);
  text = std::move(result);
}

// "k=5" is 5 when what stands before the one sign is at most two characters.
void DropShortName(std::string& text) {
  const std::size_t sign = text.find('=');
  if (sign == std::string::npos || sign > 2 || text.find('=', sign + 1) != std::string::npos)
    return;
  text.erase(0, sign + 1);
}

bool IsInteger(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  return !text.empty() && std::all_of(text.begin(), text.end(), IsDigit);
}

// "a/b" of two integers becomes a LaTeX fraction.
void SlashToFraction(std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return;
  const std::string top = text.substr(0, slash), bottom = text.substr(slash + 1);
  if (IsInteger(top) && IsInteger(bottom)) text = "\\frac{" + top + "}{" + bottom + "}";
}

void LeadingZeros(std::string& text) {
  Replace(text, " .", " 0.");
  Replace(text, "{.", "{0.");
  if (text.starts_with('.')) text.insert(0, "0");
}

}  // namespace

std::string HendrycksNormalForm(std::string_view source) {
  std::string text(source);
  for (std::string_view what : {"\n", "\\!"}) Remove(text, what);
  Replace(text, "\\\\", "\\");
  Replace(text, "tfrac", "frac");
  Replace(text, "dfrac", "frac");
  for (std::string_view what : {"\\left", "\\right", "^{\\circ}", "^\\circ", "\\$"}) {
    Remove(text, what);
  }
  text = text.substr(0, text.find("\\text{ "));
  for (std::string_view what : {"\\%", "%"}) Remove(text, what);
  LeadingZeros(text);
  if (text.empty()) return text;
  DropShortName(text);
  BraceArguments(text, "\\sqrt", 1);
  Remove(text, " ");
  BraceArguments(text, "\\frac", 2);
  if (text == "0.5") text = "\\frac{1}{2}";
  SlashToFraction(text);
  return text;
}

std::string ToraNormalForm(std::string_view source) {
  std::string text(Trim(source));
  Remove(text, "\n");
  while (text.ends_with('.')) text.pop_back();
  Remove(text, "\\!");
  Replace(text, "tfrac", "frac");
  Replace(text, "dfrac", "frac");
  for (std::string_view what : {"\\left", "\\right", "^{\\circ}", "^\\circ", "\\$", "$"}) {
    Remove(text, what);
  }
  // A unit at the end.
  if (const std::size_t unit = text.find("\\text{");
      unit != std::string::npos && unit > 0 && text.ends_with('}')) {
    text.erase(unit);
  }
  for (std::string_view what : {"\\text", "x\\in", "\\%", "%", "\\cdot", "and", "\\mathbf"}) {
    Remove(text, what);
  }
  Replace(text, "infinity", "\\infty");
  if (text.find("\\infty") == std::string::npos) Replace(text, "inf", "\\infty");
  Remove(text, "\\mbox{}");
  if (text.find('i') == std::string::npos) Replace(text, "j", "i");
  if (text.ends_with(".000")) text.resize(text.size() - 4);
  Replace(text, " .", " 0.");
  Replace(text, "{.", "{0.");
  if (text.starts_with('.')) text.insert(0, "0");
  DropShortName(text);
  BraceArguments(text, "\\sqrt", 1);
  Remove(text, " ");
  BraceArguments(text, "\\frac", 2);
  SlashToFraction(text);
  return text;
}

}  // namespace gradus
