#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace gradus {

// One JSON object as its top-level keys. Numbers keep the text they were written with, since a gold
// answer of 40 digits must not pass through a double.
class JsonLine {
 public:
  enum class Kind { kString, kNumber, kStrings, kOther };
  struct Value {
    Kind kind = Kind::kOther;
    std::string text;                // Of a string or a number.
    std::vector<std::string> items;  // Of an array of strings.
  };

  // Throws Error that starts with `where`: bad JSON, bad UTF-8, not an object, a key given twice.
  JsonLine(std::string_view text, const std::string& where);

  // A string; Error when absent, empty or of another type.
  std::string Text(const std::string& key) const;
  // A string or a number; Error when absent, empty or of another type.
  std::string TextOrNumber(const std::string& key) const;
  // The same for optional keys; "" when absent or null.
  std::string OptionalText(const std::string& key) const;
  std::string OptionalTextOrNumber(const std::string& key) const;
  // Any value as JSON text (numbers as a JSON library writes them); "" when absent or null.
  std::string OptionalJson(const std::string& key) const;
  // An array of strings; empty when absent.
  std::vector<std::string> OptionalTexts(const std::string& key) const;

 private:
  const Value* Find(const std::string& key) const;
  std::string Required(const std::string& key, bool number_too) const;
  std::string Optional(const std::string& key, bool number_too) const;

  std::string where_, line_;
  std::map<std::string, Value> values_;
};

// Calls `visit(line, "FILE:LINE")` for each line that is not blank; Error when there is none.
void ForEachJsonLine(const std::filesystem::path& path,
                     const std::function<void(const JsonLine&, const std::string& where)>& visit);

}  // namespace gradus
