#pragma once
#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <string>

namespace gradus {

// Whether a prefix is worth a process of its own, from which its steps are forked. To keep one
// costs a fork, so it pays for prefixes that took longer than that, or that are asked for again.
// Affects speed only, never a result. Keys as in KeptPrefixes.
class PrefixCosts {
 public:
  // A program (a prefix to others) took `seconds` of CPU from its start; `one_process`: nothing was
  // kept.
  void Note(const std::string& key, double seconds, bool one_process) {
    if (seconds_.size() >= kRemembered) seconds_.clear();
    seconds_[key] = seconds;
    if (one_process) shortest_ = std::min(shortest_, seconds);
  }
  // It failed, or did what a fork would not inherit.
  void Refuse(const std::string& key) {
    if (refused_.size() >= kRemembered) refused_.clear();
    refused_.insert(key);
  }
  bool Pays(const std::string& key) {
    if (refused_.contains(key)) return false;
    const auto known = seconds_.find(key);
    if (known != seconds_.end()) return known->second > kForks * shortest_;
    if (asked_.size() >= kRemembered) asked_.clear();
    return !asked_.insert(key).second;
  }

 private:
  static constexpr std::size_t kRemembered = 4096;
  static constexpr double kForks = 2.5;  // The shortest program is one fork and nothing else.
  std::map<std::string, double> seconds_;
  std::set<std::string> refused_, asked_;
  double shortest_ = std::numeric_limits<double>::infinity();
};

}  // namespace gradus
