#pragma once

namespace gradus {

// Of one program, or of one request to a checker.
struct ExecLimits {
  double wall_s = 10;
  double cpu_s = 8;
  int mem_mb = 1024;  // Address space beyond the warmed interpreter's own.
  int out_kb = 64;    // Bytes of stdout kept; the program is ended when it prints more.
};

}  // namespace gradus
