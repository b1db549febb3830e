#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "schemas/base/strict_json.h"

namespace gradus {

// The keys of a config.json, or of an object inside it. What is missing or of the wrong type is an
// Error that names file and key: a silent default would be a silently wrong model.
class ConfigFile {
 public:
  explicit ConfigFile(const std::filesystem::path& folder);

  // Null counts as absent.
  const OrderedJson* Find(const char* key) const;
  bool Has(const char* key) const { return Find(key) != nullptr; }
  const OrderedJson& Need(const char* key) const;
  ConfigFile Section(const char* key) const;

  int Positive(const char* key) const;
  double PositiveReal(const char* key) const;
  double PositiveReal(const char* key, double otherwise) const;
  std::vector<double> PositiveReals(const char* key) const;
  bool Flag(const char* key) const;
  bool Flag(const char* key, bool otherwise) const { return Has(key) ? Flag(key) : otherwise; }
  std::string Text(const char* key) const;

  const std::string& where() const { return where_; }

 private:
  ConfigFile(std::string where, OrderedJson json);
  std::string where_;
  OrderedJson json_;
};

}  // namespace gradus
