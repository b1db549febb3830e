#pragma once
#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "verify/python/python_job.h"
#include "verify/python/zygote.h"
#include "verify/sandbox/fork_server.h"
#include "verify/sandbox/job_user.h"
#include "verify/sandbox/slot_cgroup.h"

namespace gradus {

// One confined Python process that runs straight-line arithmetic (calculator.py), program after
// program: what it accepts can touch nothing but its own numbers, so that no process of its own is
// needed. It refuses everything else, and what fails. Single-threaded; the destructor ends the
// process, no handler is called any more.
class Calculator {
 public:
  struct Shown {
    std::string output;                // Of all steps.
    std::optional<std::string> value;  // As in ExecResult.
  };
  // Nothing: refused, or the process is gone; a process of the program's own must tell.
  using Done = std::function<void(std::optional<Shown>)>;

  // Starts the process, confined to `level`, and returns at once. Throws Error when that fails.
  Calculator(asio::io_context& io, int level);
  Calculator(const Calculator&) = delete;
  ~Calculator();

  // It has started, and takes programs. Looks whether it has, without waiting.
  bool ready();
  bool broken() const { return broken_; }
  // Whether asking makes sense: a guess from the text's looks.
  static bool MayRun(const Program& program);
  // REQUIRES: ready().
  void Run(const Program& program, Done done);

 private:
  void StartJob();
  void Write();
  void Read();
  // False when the process is gone.
  bool Receive();
  // False when what it wrote makes no sense.
  bool TakeAnswers();
  // Breaks when nothing is answered for a while.
  void Watch();
  void Break(const char* why);

  asio::io_context& io_;
  JobUser user_;
  std::optional<SlotCgroup> group_;  // Outlives the process.
  ReportMemory report_;
  std::optional<Zygote> zygote_;
  std::shared_ptr<ForkServer> server_;
  bool ready_ = false, broken_ = false;
  asio::posix::stream_descriptor socket_;
  asio::steady_timer timer_;
  bool reading_ = false, writing_ = false;
  std::string outgoing_, incoming_;
  std::uint64_t last_ = 0, watched_ = 0;
  std::map<std::uint64_t, Done> asked_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// The text of calculator.py.
const char* CalculatorSource();

}  // namespace gradus
