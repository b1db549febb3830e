#pragma once
#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "schemas/base/file.h"

namespace gradus {

// What a job needs of the kernel: three descriptors and the fixed header (see EncodeJobHeader).
struct ZygoteJob {
  std::string header;
  int program = -1;  // Encoded program, read by the child.
  int output = -1;   // Becomes the child's stdout.
  int result = -1;   // Takes one result frame.
};

// One warm Python process (zygote.py) that forks a child per job, and the socket to it. The
// destructor ends it with all its children. The process also ends when the thread that made it
// ends.
class Zygote {
 public:
  // Starts the process and returns at once; it sends its first message when warm. Throws Error when
  // there is no python3.
  explicit Zygote(const std::vector<std::string>& preload);
  ~Zygote();
  Zygote(const Zygote&) = delete;
  Zygote& operator=(const Zygote&) = delete;

  // Non-blocking SOCK_SEQPACKET: 'R' + versions or 'E' + reason once, then 'X' + status per job.
  int control() const { return control_.get(); }
  pid_t pid() const { return pid_; }

  // False when the process is gone.
  bool Send(const ZygoteJob& job);
  // One message, "" when the process is gone, nothing when there is none yet.
  std::optional<std::string> Receive();
  // Asks for the running child's death; the 'X' message follows.
  void KillChild();
  // Ends the process; Receive then returns "".
  void Hangup();

 private:
  Fd control_;
  Fd board_;  // Names the running child, for the case that the zygote died before it.
  pid_t pid_ = -1;
};

// The text of zygote.py.
const char* ZygoteSource();

}  // namespace gradus
