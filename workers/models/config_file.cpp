#include "workers/models/config_file.h"

#include <cmath>
#include <utility>

#include "schemas/base/error.h"

namespace gradus {

ConfigFile::ConfigFile(const std::filesystem::path& folder)
    : ConfigFile((folder / "config.json").string(), ReadOrderedJson(folder / "config.json")) {}

ConfigFile::ConfigFile(std::string where, OrderedJson json)
    : where_(std::move(where)), json_(std::move(json)) {}

const OrderedJson* ConfigFile::Find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

const OrderedJson& ConfigFile::Need(const char* key) const {
  const OrderedJson* value = Find(key);
  if (!value) Fail("{}: key {} is missing", where_, key);
  return *value;
}

ConfigFile ConfigFile::Section(const char* key) const {
  const OrderedJson& value = Need(key);
  if (!value.is_object()) Fail("{}: {} must be an object", where_, key);
  return ConfigFile(where_ + ": " + key, value);
}

int ConfigFile::Positive(const char* key) const {
  const OrderedJson& value = Need(key);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 1 ||
      value.get<std::int64_t>() > (1 << 30)) {
    Fail("{}: {} must be a positive integer", where_, key);
  }
  return value.get<int>();
}

double ConfigFile::PositiveReal(const char* key) const {
  const OrderedJson& value = Need(key);
  if (!value.is_number() || !(value.get<double>() > 0) || !std::isfinite(value.get<double>())) {
    Fail("{}: {} must be a positive number", where_, key);
  }
  return value.get<double>();
}

double ConfigFile::PositiveReal(const char* key, double otherwise) const {
  return Has(key) ? PositiveReal(key) : otherwise;
}

std::vector<double> ConfigFile::PositiveReals(const char* key) const {
  const OrderedJson& value = Need(key);
  std::vector<double> list;
  for (const OrderedJson& item : value.is_array() ? value : OrderedJson::array()) {
    if (!item.is_number() || !(item.get<double>() > 0)) break;
    list.push_back(item.get<double>());
  }
  if (!value.is_array() || list.size() != value.size()) {
    Fail("{}: {} must be a list of positive numbers", where_, key);
  }
  return list;
}

bool ConfigFile::Flag(const char* key) const {
  const OrderedJson& value = Need(key);
  if (!value.is_boolean()) Fail("{}: {} must be true or false", where_, key);
  return value.get<bool>();
}

std::string ConfigFile::Text(const char* key) const {
  const OrderedJson& value = Need(key);
  if (!value.is_string()) Fail("{}: {} must be a string", where_, key);
  return value.get<std::string>();
}

}  // namespace gradus
