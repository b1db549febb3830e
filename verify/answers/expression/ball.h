#pragma once
#include <acb.h>
#include <gmpxx.h>

#include <complex>
#include <optional>
#include <utility>

namespace gradus {

// A complex number known to lie in a ball: a handle of Arb's. Every operation encloses all that its
// operands may be, so that two balls apart are a proof of difference.
class Ball {
 public:
  Ball() { acb_init(value_); }
  explicit Ball(double real, double imag = 0) : Ball() { acb_set_d_d(value_, real, imag); }
  static Ball Of(const mpq_class& value, slong bits);
  Ball(const Ball& other) : Ball() { acb_set(value_, other.value_); }
  Ball(Ball&& other) noexcept : Ball() { acb_swap(value_, other.value_); }
  Ball& operator=(Ball other) noexcept {
    acb_swap(value_, other.value_);
    return *this;
  }
  ~Ball() { acb_clear(value_); }

  acb_ptr get() { return value_; }
  acb_srcptr get() const { return value_; }
  arb_ptr real() { return acb_realref(value_); }
  arb_srcptr real() const { return acb_realref(value_); }
  arb_srcptr imag() const { return acb_imagref(value_); }

  bool IsReal() const { return arb_is_zero(imag()); }
  bool IsZero() const { return acb_is_zero(value_); }
  bool ContainsZero() const { return acb_contains_zero(value_); }
  bool IsFinite() const { return acb_is_finite(value_); }
  // Exactly an infinity of the real line.
  bool IsInfinite() const { return IsReal() && arf_is_inf(arb_midref(real())); }
  // Real with one sign for sure.
  bool IsPositive() const { return IsReal() && arb_is_positive(real()); }
  bool IsNegative() const { return IsReal() && arb_is_negative(real()); }

  bool Overlaps(const Ball& other) const { return acb_overlaps(value_, other.value_); }
  // Known to so many bits, or within 2^-bits of zero.
  bool IsSharp(slong bits) const;
  // The whole number that it is for sure, of moderate size.
  std::optional<long> Whole() const;
  // The middle, as near as the type goes.
  std::complex<long double> Middle() const;
  long double Radius() const;
  // The middle of a real ball exactly; nothing when it has thousands of bits.
  std::optional<mpq_class> ExactMiddle() const;

 private:
  acb_t value_;
};

}  // namespace gradus
