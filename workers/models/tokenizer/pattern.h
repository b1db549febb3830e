#pragma once
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace gradus {

// A regular expression of a tokenizer.json (Oniguruma's syntax, Unicode 16) or a literal text, run
// by PCRE2's compiler to machine code. Immutable, any thread.
class Pattern {
 public:
  // Throws Error naming what does not compile or means something else to PCRE2.
  static Pattern Regex(std::string_view text, const std::string& origin);
  static Pattern Literal(std::string_view text, const std::string& origin);
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;
  ~Pattern();

  // Calls visit(begin, end) for each match that is not empty, left to right. REQUIRES valid UTF-8.
  using Visit = std::function<void(std::size_t begin, std::size_t end)>;
  void EachMatch(std::string_view text, const Visit& visit) const;

 private:
  struct Code;
  explicit Pattern(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace gradus
