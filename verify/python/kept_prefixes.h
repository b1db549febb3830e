#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gradus {

// The words of this folder, one meaning each:
//   warm    an interpreter whose imports were done and exercised; it has run no program
//   prefix  the steps of a program before its last one, named by a key of all that they depend on
//   kept    a process that has run a prefix and, instead of ending, forks the steps that follow
//   state   what a program's steps lead to, kept or not: a value, and no process
//
// Which prefixes are kept, by least recent use. Only the bookkeeping: `Process` is whatever stands
// for a kept one. A kept process descends from the one it was
// forked from; all of a family end with its first. So a use counts for all ancestors too, and the
// least recent entry never has descendants.
template <class Process>
class KeptPrefixes {
 public:
  explicit KeptPrefixes(std::size_t capacity) : capacity_(capacity) {}
  std::size_t size() const { return entries_.size(); }

  // Index of the longest kept prefix among `keys` (of 1, 2, … steps), which now is the most recent;
  // nothing when none is kept.
  std::optional<std::size_t> Longest(std::span<const std::string> keys) {
    for (std::size_t i = keys.size(); i-- > 0;) {
      if (!entries_.contains(keys[i])) continue;
      Touch(keys[i]);
      return i;
    }
    return std::nullopt;
  }
  bool Has(const std::string& key) const { return entries_.contains(key); }
  Process& At(const std::string& key) { return entries_.at(key).process; }
  // First of the family of `key`.
  const std::string& FounderOf(const std::string& key) const {
    const std::string* at = &key;
    while (!entries_.at(*at).parent.empty()) at = &entries_.at(*at).parent;
    return *at;
  }

  // REQUIRES: `key` is new; `parent` is kept, or "" for the first of a family. Returns what had to
  // make room.
  std::vector<Process> Keep(const std::string& key, const std::string& parent, Process process) {
    entries_.emplace(key, Entry{parent, 0, std::move(process)});
    Touch(key);
    std::vector<Process> gone;
    while (entries_.size() > capacity_ && entries_.size() > 1) {
      auto oldest = entries_.begin();
      for (auto at = entries_.begin(); at != entries_.end(); ++at) {
        if (at->second.used < oldest->second.used) oldest = at;
      }
      gone.push_back(std::move(oldest->second.process));
      entries_.erase(oldest);
    }
    return gone;
  }

  // Forgets the whole family of `key`; its processes, the first one last.
  std::vector<Process> ForgetFamily(const std::string& key) {
    std::vector<Process> gone;
    if (!entries_.contains(key)) return gone;
    const std::string founder = FounderOf(key);
    std::vector<std::string> members;
    for (const auto& [name, entry] : entries_) {
      if (name != founder && FounderOf(name) == founder) members.push_back(name);
    }
    members.push_back(founder);
    for (const std::string& name : members) {
      gone.push_back(std::move(entries_.at(name).process));
      entries_.erase(name);
    }
    return gone;
  }

  std::vector<Process> ForgetAll() {
    std::vector<Process> gone;
    for (auto& [name, entry] : entries_) gone.push_back(std::move(entry.process));
    entries_.clear();
    return gone;
  }

 private:
  struct Entry {
    std::string parent;
    std::uint64_t used;
    Process process;
  };
  // Descendants first: of equal age, an ancestor is always the younger.
  void Touch(const std::string& key) {
    for (const std::string* at = &key; !at->empty(); at = &entries_.at(*at).parent) {
      entries_.at(*at).used = ++clock_;
    }
  }

  std::size_t capacity_;
  std::uint64_t clock_ = 0;
  std::map<std::string, Entry> entries_;
};

}  // namespace gradus
