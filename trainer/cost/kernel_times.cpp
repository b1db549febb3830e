#include "trainer/cost/kernel_times.h"

#include <ATen/record_function.h>

#include <string_view>
#include <vector>

#include "schemas/base/error.h"
#include "schemas/base/log.h"

namespace gradus {
namespace {

struct Kind {
  const char* prefix;
  const char* name;
};
constexpr Kind kKinds[] = {
    {"aten::mm", "matrix products"},
    {"aten::addmm", "matrix products"},
    {"aten::linear", "matrix products"},
    {"gradus::attention", "attention"},
    {"gradus::norm", "norms"},
    {"gradus::gate", "gated units"},
    {"gradus::cross_entropy", "cross-entropy"},
    {"aten::embedding", "embedding and selection"},
    {"aten::index", "embedding and selection"},
};

const char* KindOf(std::string_view operation) {
  for (const Kind& kind : kKinds) {
    if (operation.starts_with(kind.prefix)) return kind.name;
  }
  return "other tensor operations";
}

}  // namespace

struct KernelTimes::Clock {
  struct Open {
    const char* kind;
    double since, inside = 0;  // Seconds spent in operations that it called.
  };
  std::map<std::string, double> seconds;
  std::vector<Open> open;
  at::CallbackHandle handle = at::INVALID_CALLBACK_HANDLE;

  // ATen calls plain functions: this is how they find the clock of their thread.
  static Clock*& OfThread() {
    thread_local Clock* clock = nullptr;
    return clock;
  }
  static std::unique_ptr<at::ObserverContext> Start(const at::RecordFunction& operation) {
    OfThread()->open.push_back({KindOf(operation.name()), MonotonicSeconds()});
    return nullptr;
  }
  static void End(const at::RecordFunction&, at::ObserverContext*) {
    Clock& clock = *OfThread();
    if (clock.open.empty()) return;  // It began before the clock.
    const Open done = clock.open.back();
    clock.open.pop_back();
    const double whole = MonotonicSeconds() - done.since;
    clock.seconds[done.kind] += whole - done.inside;
    if (!clock.open.empty()) clock.open.back().inside += whole;
  }
};

KernelTimes::KernelTimes() : clock_(std::make_unique<Clock>()) {
  Require(Clock::OfThread() == nullptr, "two clocks of one thread");
  Clock::OfThread() = clock_.get();
  clock_->handle =
      at::addThreadLocalCallback(at::RecordFunctionCallback(&Clock::Start, &Clock::End));
}

KernelTimes::~KernelTimes() {
  at::removeCallback(clock_->handle);
  Clock::OfThread() = nullptr;
}

std::map<std::string, double> KernelTimes::Seconds() const { return clock_->seconds; }

}  // namespace gradus
