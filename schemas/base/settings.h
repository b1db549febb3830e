#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schemas/base/error.h"

namespace gradus {

// One value for every round, or one per round; the last one holds for all later rounds.
// In YAML: a scalar or a list. Rounds count from 1.
template <class T>
struct PerRound {
  std::vector<T> values;
  const T& At(int round) const {
    const std::size_t i = round < 1 ? 0 : static_cast<std::size_t>(round - 1);
    return values[i < values.size() ? i : values.size() - 1];
  }
};

struct Range {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// The one place where a configuration field meets its key, range and comment. Every options struct
// has a free function
//     void Bind(Settings& s, MctsOptions& o) {
//       s.Field("c_puct", o.c_puct, {0, 100}, "exploration constant c of UCT");
//       s.Choice("ties", o.ties, {{"first", Ties::kFirst}, {"random", Ties::kRandom}}, "…");
//       s.Section("limits", [&](Settings& sub) { Bind(sub, o.limits); }, "…");
//     }
// which serves reading (strict: wrong type, out of range, unknown key with the nearest known key,
// each with file and line), printing the resolved file with comments (`--print-config`) and the
// reference page.
class Settings {
 public:
  virtual ~Settings() = default;
  virtual void Field(const char* key, bool& value, const char* comment) = 0;
  virtual void Field(const char* key, int& value, Range range, const char* comment) = 0;
  virtual void Field(const char* key, std::uint64_t& value, const char* comment) = 0;
  virtual void Field(const char* key, double& value, Range range, const char* comment) = 0;
  virtual void Field(const char* key, std::string& value, const char* comment) = 0;
  virtual void Field(const char* key, std::vector<std::string>& value, const char* comment) = 0;
  virtual void Field(const char* key, PerRound<int>& value, Range range, const char* comment) = 0;
  virtual void Field(const char* key, PerRound<double>& value, Range range,
                     const char* comment) = 0;
  // A list of names, each one of `names`; `value` receives indices into `names`.
  virtual void Names(const char* key, std::vector<int>& value,
                     const std::vector<std::string>& names, bool scalar, const char* comment) = 0;

  template <class E>
  using Choices = std::vector<std::pair<std::string, E>>;

  template <class E>
  void Choice(const char* key, E& value, const Choices<E>& choices, const char* comment) {
    PerRound<E> one{{value}};
    Pick(key, one, choices, true, comment);
    value = one.values[0];
  }
  template <class E>
  void Choice(const char* key, PerRound<E>& value, const Choices<E>& choices, const char* comment) {
    Pick(key, value, choices, false, comment);
  }

  // A nested mapping. `body` is called with the settings of that mapping.
  template <class Body>
  void Section(const char* key, const char* comment, Body body) {
    if (std::unique_ptr<Settings> sub = Enter(key, comment)) {
      body(*sub);
      sub->Finish();
    }
  }

  // Rejects keys nobody asked for. Called once per mapping after all fields.
  virtual void Finish() = 0;

 protected:
  virtual std::unique_ptr<Settings> Enter(const char* key, const char* comment) = 0;

 private:
  template <class E>
  void Pick(const char* key, PerRound<E>& value, const Choices<E>& choices, bool scalar,
            const char* comment) {
    std::vector<std::string> names;
    for (const auto& [name, unused] : choices) names.push_back(name);
    std::vector<int> picked;
    for (const E& v : value.values) {
      for (std::size_t i = 0; i < choices.size(); ++i) {
        if (choices[i].second == v) {
          picked.push_back(static_cast<int>(i));
          break;
        }
      }
    }
    Require(picked.size() == value.values.size(),
            "a choice has a default that is none of its names");
    Names(key, picked, names, scalar, comment);
    value.values.clear();
    for (int i : picked) value.values.push_back(choices[static_cast<std::size_t>(i)].second);
  }
};

// Reads YAML over the defaults already in the bound structs. `text` may hold a top-level `preset`.
// Overrides are "section.key=value" and win. Errors name `origin` (a file) and the line.
class SettingsFile {
 public:
  SettingsFile(std::string text, std::string origin);
  ~SettingsFile();
  SettingsFile(SettingsFile&&) noexcept;

  void Override(std::string_view key_equals_value);
  // The scalar at a top-level key if present, without marking it as known.
  std::string Peek(const std::string& key) const;
  // Root settings for one Bind pass; keep the SettingsFile alive meanwhile.
  std::unique_ptr<Settings> Reader() const;

 private:
  struct Document;
  std::unique_ptr<Document> document_;
};

// Prints what a Bind function declares, as YAML with comments.
class SettingsPrinter {
 public:
  enum class Comments { kWith, kWithout };
  explicit SettingsPrinter(Comments comments);
  ~SettingsPrinter();
  Settings& root();
  std::string Text() const;

 private:
  struct Page;
  std::unique_ptr<Page> page_;
};

}  // namespace gradus
