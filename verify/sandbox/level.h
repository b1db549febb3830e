#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace gradus {

// How well programs are isolated, probed at start by really doing it.
//   L3  L2 and a control group: total memory and tasks of a slot
//   L2  own PID, mount, network, IPC name spaces, an empty root, and all of L1
//   L1  seccomp allow-list, Landlock where the kernel has it, an unprivileged user, limits
//   L0  limits only: for programs one would run without any sandbox
inline constexpr int kLowestLevel = 0, kHighestLevel = 3;

// "L0" … "L3".
inline const char* LevelName(int level) {
  constexpr const char* kNames[] = {"L0", "L1", "L2", "L3"};
  return level >= kLowestLevel && level <= kHighestLevel ? kNames[level] : "?";
}

// How programs are isolated, and what keeps a higher level from working here.
struct Isolation {
  int level = 0;
  bool reads_confined = false;  // Programs cannot read files outside of those meant for them.
  std::string why;              // "L3: reason; …", "" at the highest.
};

// Levels that may be used, bit n for level n: of "auto" L1 to L3, of "L2" only that.
inline std::optional<unsigned> ReadLevels(std::string_view text) {
  if (text == "auto") return 0b1110u;
  if (text.size() == 2 && text[0] == 'L' && text[1] >= '0' && text[1] <= '3') {
    return 1u << (text[1] - '0');
  }
  return std::nullopt;
}

}  // namespace gradus
