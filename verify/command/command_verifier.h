#pragma once
#include <memory>
#include <string>
#include <vector>

#include "verify/limits.h"
#include "verify/verifier.h"

namespace gradus {

class Settings;

// A checker is the user's own program: it reads requests from stdin and answers on stdout, one JSON
// object a line (docs/extending.md).
struct CommandOptions {
  std::vector<std::string> command;  // Program and arguments.
  int processes = 1;                 // Of the program; each has one request at a time.
  std::string level = "auto";        // Isolation: the best of L1 to L3 that works, or a named one.
  std::vector<std::string> reads;    // Further folders and files that it may read.
  std::string golden;                // JSON lines with known cases; "": none.
  double start_s = 60;               // Until a fresh process has answered the empty state.
  int starts = 3;                    // Fresh processes in a row that may fail at that.
  ExecLimits limits{.wall_s = 10, .cpu_s = 10, .mem_mb = 2048, .out_kb = 64};
};
void Bind(Settings& settings, CommandOptions& options);
// Throws Error when the program, a folder, a golden case or the level is not there.
void CheckOptions(const CommandOptions& options);

// Asks the user's own checker. A process that crashes, keeps silent, floods, or answers what was
// not asked is ended with all that it started and replaced, and the request is repeated once on a
// fresh one; then its candidate is unverifiable: End::kLimit with outcome "checker-crashed",
// "checker-silent", "checker-flood" or "checker-nonsense". End::kBroken only when no process can be
// started any more. Throws Error when the program or a folder is missing, or the isolation that
// `options` asks for does not work here.
std::unique_ptr<Verifier> MakeCommandVerifier(asio::io_context& io, const CommandOptions& options);

}  // namespace gradus
