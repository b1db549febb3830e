#include "verify/answers/expression/ball.h"

#include <cmath>

namespace gradus {
namespace {

// A float as the sum of two doubles.
long double Widened(arf_srcptr value) {
  if (!arf_is_finite(value)) return arf_get_d(value, ARF_RND_NEAR);
  const double high = arf_get_d(value, ARF_RND_NEAR);
  if (!std::isfinite(high)) return high;
  arf_t rest;
  arf_init(rest);
  arf_set_d(rest, high);
  arf_sub(rest, value, rest, ARF_PREC_EXACT, ARF_RND_NEAR);
  const double low = arf_get_d(rest, ARF_RND_NEAR);
  arf_clear(rest);
  return static_cast<long double>(high) + low;
}

}  // namespace

Ball Ball::Of(const mpq_class& value, slong bits) {
  Ball ball;
  fmpq_t fraction;
  fmpq_init(fraction);
  fmpq_set_mpq(fraction, value.get_mpq_t());
  acb_set_fmpq(ball.value_, fraction, bits);
  fmpq_clear(fraction);
  return ball;
}

bool Ball::IsSharp(slong bits) const {
  if (!IsFinite()) return false;
  if (acb_rel_accuracy_bits(value_) >= bits) return true;
  mag_t bound;
  mag_init(bound);
  acb_get_mag(bound, value_);
  const bool tiny = mag_cmp_2exp_si(bound, -2 * bits) < 0;
  mag_clear(bound);
  return tiny;
}

std::optional<long> Ball::Whole() const {
  fmpz_t number;
  fmpz_init(number);
  const bool whole = acb_get_unique_fmpz(number, value_) && fmpz_bits(number) < 30;
  // A ball that only contains a whole number is none, unless it is so small as rounding makes it.
  const bool sure = whole && (acb_is_int(value_) || Radius() < 1e-30L);
  const long result = sure ? fmpz_get_si(number) : 0;
  fmpz_clear(number);
  return sure ? std::optional(result) : std::nullopt;
}

std::complex<long double> Ball::Middle() const {
  return {Widened(arb_midref(real())), Widened(arb_midref(imag()))};
}

long double Ball::Radius() const {
  return std::hypot(static_cast<long double>(mag_get_d(arb_radref(real()))),
                    static_cast<long double>(mag_get_d(arb_radref(imag()))));
}

std::optional<mpq_class> Ball::ExactMiddle() const {
  arf_srcptr middle = arb_midref(real());
  if (!arf_is_finite(middle) || arf_cmpabs_2exp_si(middle, 4000) > 0 ||
      (!arf_is_zero(middle) && arf_cmpabs_2exp_si(middle, -4000) < 0)) {
    return {};
  }
  fmpq_t fraction;
  fmpq_init(fraction);
  arf_get_fmpq(fraction, middle);
  mpq_class value;
  fmpq_get_mpq(value.get_mpq_t(), fraction);
  fmpq_clear(fraction);
  return value;
}

}  // namespace gradus
