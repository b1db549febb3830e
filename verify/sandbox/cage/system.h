#pragma once
#include <csignal>
#include <cstddef>

// Small C pieces of the cage: it links against nothing but the C library.

namespace gradus::cage {

// Text of an error for the supervisor: what was tried and errno's name. Never allocates.
class Reason {
 public:
  Reason(char* text, std::size_t size) : text_(text), size_(size) {
    if (size_ > 0) text_[0] = '\0';
  }
  // Appends; errno's text follows when `with_errno`.
  void Add(const char* text);
  // "what: errno text"; always false, so that a step can return it.
  bool Failed(const char* what);
  const char* text() const { return text_; }

 private:
  char* text_;
  std::size_t size_;
};

// Writes a small text into a file of /proc or /sys.
bool WriteText(const char* path, const char* text);

// SIGCHLD and SIGTERM arrive at `handler` only inside a ppoll with the mask `waiting`, so none is
// missed between a look and a wait.
void BlockSignals(void (*handler)(int), sigset_t* waiting);

// A number in decimal, into `out` (at least 24 bytes).
void Decimal(char* out, unsigned long long value);

}  // namespace gradus::cage
