#pragma once
#include <string>
#include <vector>

namespace gradus {

// A checker's command as it will be started.
struct CheckerProgram {
  std::vector<std::string> words;  // Absolute paths for the program and for words that name files.
  std::vector<std::string> reads;  // The folders of those, and what the user named; absolute.
  std::string identity;            // The words as given, and the SHA-256 of each file.
};

// Looks for the program by its path, or by its name in /usr/bin and on PATH. Throws Error when it
// is not there, or a folder to read is not.
CheckerProgram FindChecker(const std::vector<std::string>& command,
                           const std::vector<std::string>& reads);

}  // namespace gradus
