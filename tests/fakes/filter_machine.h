#pragma once
#include <doctest/doctest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>

#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "schemas/base/error.h"
#include "verify/sandbox/seccomp_filter.h"

namespace gradus {

using Arguments = std::array<std::uint64_t, 6>;

inline std::vector<sock_filter> Instructions(bool writes_confined) {
  const std::string bytes = MakeSeccompFilter(writes_confined);
  REQUIRE(bytes.size() % sizeof(sock_filter) == 0);
  std::vector<sock_filter> program(bytes.size() / sizeof(sock_filter));
  std::memcpy(program.data(), bytes.data(), bytes.size());
  return program;
}

// What the kernel would do at this call: the classic machine, as far as filters use it.
class FilterMachine {
 public:
  explicit FilterMachine(bool writes_confined)
      : program_(Instructions(writes_confined)), own_arch_(::seccomp_arch_native()) {}

  std::uint32_t Verdict(const seccomp_data& call) const {
    std::uint32_t a = 0;
    for (std::size_t at = 0; at < program_.size(); ++at) {
      const sock_filter& step = program_[at];
      switch (step.code) {
        case BPF_LD | BPF_W | BPF_ABS:
          Require(step.k + sizeof a <= sizeof call, "a load outside of the call");
          std::memcpy(&a, reinterpret_cast<const char*>(&call) + step.k, sizeof a);
          break;
        case BPF_ALU | BPF_AND | BPF_K:
          a &= step.k;
          break;
        case BPF_JMP | BPF_JA:
          at += step.k;
          break;
        case BPF_JMP | BPF_JEQ | BPF_K:
          at += a == step.k ? step.jt : step.jf;
          break;
        case BPF_JMP | BPF_JGT | BPF_K:
          at += a > step.k ? step.jt : step.jf;
          break;
        case BPF_JMP | BPF_JGE | BPF_K:
          at += a >= step.k ? step.jt : step.jf;
          break;
        case BPF_JMP | BPF_JSET | BPF_K:
          at += (a & step.k) != 0 ? step.jt : step.jf;
          break;
        case BPF_RET | BPF_K:
          return step.k;
        default:
          throw Error("an instruction that the test does not know");
      }
    }
    throw Error("the filter has no end");
  }
  std::uint32_t Of(long number, const Arguments& arguments = {}) const {
    seccomp_data call{};
    call.nr = static_cast<int>(number);
    call.arch = own_arch_;
    for (std::size_t i = 0; i < arguments.size(); ++i) call.args[i] = arguments[i];
    return Verdict(call);
  }
  bool Allows(long number, const Arguments& arguments = {}) const {
    return Of(number, arguments) == SECCOMP_RET_ALLOW;
  }

 private:
  std::vector<sock_filter> program_;
  std::uint32_t own_arch_;
};

}  // namespace gradus
