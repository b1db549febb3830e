// Programs per second through warm interpreters: bench_sandbox [slots] [programs] [preload,...]
// [program].
#include <sys/resource.h>

#include <asio/io_context.hpp>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>

#include "schemas/base/error.h"
#include "schemas/base/log.h"
#include "verify/python_executor.h"

namespace {

double CpuSeconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::vector<std::string> SplitAtCommas(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, ',');) parts.push_back(part);
  return parts;
}

void Measure(const gradus::ExecutorOptions& options, int programs, const std::string& program) {
  asio::io_context io;
  const double before_start = gradus::MonotonicSeconds();
  auto executor = gradus::MakePythonExecutor(io, options);
  const double start = gradus::MonotonicSeconds();
  const double self_before = CpuSeconds(RUSAGE_SELF);
  double job_cpu = 0;
  std::map<std::string, int> outcomes;
  for (int i = 0; i < programs; ++i) {
    executor->Run({{program, "x = " + std::to_string(i)}, {}}, options.limits,
                  [&](const gradus::ExecResult& result) {
                    ++outcomes[gradus::ToString(result.outcome)];
                    job_cpu += result.cpu_s;
                  });
  }
  io.run();
  const double seconds = gradus::MonotonicSeconds() - start;
  const double self_cpu = CpuSeconds(RUSAGE_SELF) - self_before;
  executor.reset();
  // The interpreters are reaped now; their children's time is included, as is their own start.
  const double children_cpu = CpuSeconds(RUSAGE_CHILDREN);
  fmt::print(
      "{{\"slots\":{},\"programs\":{},\"start_s\":{:.3f},\"per_s\":{:.1f},\"wall_ms\":{:.3f},"
      "\"job_cpu_ms\":{:.3f},\"supervisor_cpu_ms\":{:.3f},\"all_children_cpu_s\":{:.2f}",
      options.slots, programs, start - before_start, programs / seconds, 1e3 * seconds / programs,
      1e3 * job_cpu / programs, 1e3 * self_cpu / programs, children_cpu);
  for (const auto& [outcome, count] : outcomes) fmt::print(",\"{}\":{}", outcome, count);
  fmt::print("}}\n");
}

}  // namespace

int main(int argc, char** argv) try {
  gradus::ExecutorOptions options;
  options.slots = argc > 1 ? std::atoi(argv[1]) : 1;
  const int programs = argc > 2 ? std::atoi(argv[2]) : 1000;
  options.preload = SplitAtCommas(argc > 3 ? argv[3] : "");
  Measure(options, programs, argc > 4 ? argv[4] : "print(17 + 4)");
  return 0;
} catch (const gradus::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return static_cast<int>(error.code());
}
