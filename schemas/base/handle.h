#pragma once
#include <utility>

namespace gradus {

// Owns one C handle. Traits: `using Type`, `static Type Null()`, `static void Close(Type)
// noexcept`.
template <class Traits>
class Handle {
 public:
  using Type = typename Traits::Type;
  Handle() : value_(Traits::Null()) {}
  explicit Handle(Type value) : value_(value) {}
  Handle(Handle&& other) noexcept : value_(std::exchange(other.value_, Traits::Null())) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      Reset();
      value_ = std::exchange(other.value_, Traits::Null());
    }
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { Reset(); }

  Type get() const { return value_; }
  explicit operator bool() const { return value_ != Traits::Null(); }
  Type Release() { return std::exchange(value_, Traits::Null()); }
  void Reset() {
    if (value_ != Traits::Null()) Traits::Close(std::exchange(value_, Traits::Null()));
  }

 private:
  Type value_;
};

}  // namespace gradus
