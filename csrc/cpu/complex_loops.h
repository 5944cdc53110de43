// Loops of complex64, real and imaginary parts interleaved. What could overflow or cancel on the way
// (quotients, lengths) is computed in double, with the special values of NumPy. Only for
// elementwise_simd.c, on whose loops of float32 they build.
#ifndef GK_CPU_COMPLEX_LOOPS_H
#define GK_CPU_COMPLEX_LOOPS_H

#include <math.h>

#include "../core/dtype.h"
#include "exponential.h"
#include "loops.h"
#include "trigonometry.h"

typedef struct parts {
  double re, im;
} parts;

// `expression` gives the parts of the result from x + i y, and u + i v where the op has another
// operand; `other` is where that comes from.
#define COMPLEX(name, other, expression)                                                           \
  static void name(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {          \
    const gk_complex64 *a_ = pa, *b_ = other;                                                      \
    gk_complex64 *o_ = po;                                                                         \
    (void)pb, (void)pc;                                                                            \
    GK_VECTORIZE_SMALL                                                                             \
    for (int64_t i = 0; i < n; i++) {                                                              \
      float x = a_[i].re, y = a_[i].im, u = b_[i].re, v = b_[i].im;                                \
      (void)x, (void)y, (void)u, (void)v;                                                          \
      parts r = expression;                                                                        \
      o_[i].re = (float)r.re;                                                                      \
      o_[i].im = (float)r.im;                                                                      \
    }                                                                                              \
  }

// ---- products and quotients

COMPLEX(mul_c64, pb, ((parts){x * u - y * v, x * v + y * u}))
COMPLEX(square_c64, pa, ((parts){x * u - y * v, x * v + y * u}))

// Smith's: by the larger part of the divisor first, so that one infinite part of it gives 0; and 0
// divides each part.
static inline parts quotient_c64(double x, double y, double u, double v) {
  int by_real = fabs(u) >= fabs(v), by_zero = (u == 0) & (v == 0);
  double large = by_real ? u : v, small = by_real ? v : u;
  double ratio = small / large, scale = 1 / (large + small * ratio);
  double re = (by_real ? x : y) + (by_real ? y : x) * ratio;
  double im = (by_real ? y : -x) - (by_real ? x : -y) * ratio;
  return (parts){by_zero ? x / fabs(u) : re * scale, by_zero ? y / fabs(u) : im * scale};
}
COMPLEX(div_c64, pb, quotient_c64(x, y, u, v))

static inline parts reciprocal_c64_of(double x, double y) {
  int by_real = fabs(x) >= fabs(y);
  double large = by_real ? x : y, small = by_real ? y : x;
  double ratio = small / large, divisor = large + small * ratio;
  return (parts){(by_real ? 1 : ratio) / divisor, -(by_real ? ratio : 1) / divisor};
}
COMPLEX(reciprocal_c64, pa, reciprocal_c64_of(x, y))

// ---- functions

static inline float length_c64(double x, double y) {
  int infinite = (fabs(x) == (double)INFINITY) | (fabs(y) == (double)INFINITY);
  return infinite ? INFINITY : (float)__builtin_sqrt(x * x + y * y);
}
UNARY(abs_c64, gk_complex64, float, length_c64(x.re, x.im))
UNARY(angle_c64, gk_complex64, float, arctan2_of(x.im, x.re))

// e^x (cos y + i sin y). e^x may be out of float's range while a part of the result is not.
static void exp_c64(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {
  enum { PART = 256 };
  const gk_complex64 *a = pa;
  gk_complex64 *o = po;
  float y[PART], cosine[PART], sine[PART];
  (void)pb, (void)pc;
  for (int64_t i = 0; i < n; i += PART) {
    const int64_t part = n - i < PART ? n - i : PART;
    for (int64_t k = 0; k < part; k++) y[k] = a[i + k].im;
    cos_f32(part, y, NULL, NULL, cosine);
    sin_f32(part, y, NULL, NULL, sine);
    GK_VECTORIZE_SMALL
    for (int64_t k = 0; k < part; k++) {
      float x = a[i + k].re, held = x > 200 ? 200 : x < -200 ? -200 : x;
      uint32_t exponent;
      float significand = 1 + expm1_reduced(held, &exponent);
      uint64_t bits = (uint64_t)(int64_t)((int32_t)exponent + 1023) << 52;
      double power;
      memcpy(&power, &bits, 8);
      double length = significand * power;
      int none = !(fabsf(y[k]) < INFINITY); // no direction
      float re = (float)(length * cosine[k]), im = (float)(length * sine[k]);
      re = (none & (x == INFINITY)) ? x : (none & (x == -INFINITY)) ? 0 : re;
      im = y[k] == 0 ? y[k] : (none & (x == -INFINITY)) ? 0 : im;
      o[i + k].re = re;
      o[i + k].im = im;
    }
  }
}
COMPLEX(conj_c64, pa, ((parts){x, -y}))

// ---- what is float32 twice

#define PARTWISE(name)                                                                             \
  static void name##_c64(int64_t n, const void *a, const void *b, const void *c, void *out) {      \
    name##_f32(2 * n, a, b, c, out);                                                               \
  }
PARTWISE(neg)
PARTWISE(add)
PARTWISE(sub)

// ---- predicates

#define IS_FINITE(z) ((fabsf((z).re) < INFINITY) & (fabsf((z).im) < INFINITY))
UNARY(isnan_c64, gk_complex64, uint8_t, (x.re != x.re) | (x.im != x.im))
UNARY(isinf_c64, gk_complex64, uint8_t, (fabsf(x.re) == INFINITY) | (fabsf(x.im) == INFINITY))
UNARY(isfinite_c64, gk_complex64, uint8_t, IS_FINITE(x))
BINARY(equal_c64, gk_complex64, uint8_t, (a.re == b.re) & (a.im == b.im))
BINARY(not_equal_c64, gk_complex64, uint8_t, (a.re != b.re) | (a.im != b.im))

TERNARY(is_within_c64, gk_complex64, gk_complex64, uint8_t,
        ((a.re == b.re) & (a.im == b.im)) |
            (IS_FINITE(b) & (length_c64(a.re - b.re, a.im - b.im) <= c.re)))

#endif
