// What one element of an op is: functions of elements with the results of the CPU's loops
// (cpu/elementwise_simd.c and the headers it is made of). Integers wrap, division by 0 gives 0, and a shift
// by less than 0 or by all bits and more shifts everything out.
#pragma once

#include "../core/float_formulas.h"
#include "element.cuh"

// ---- integers

// Unsigned, and wide enough not to become int in arithmetic.
template <class T> struct gk_modular {
  typedef uint32_t type;
};
template <> struct gk_modular<int64_t> {
  typedef uint64_t type;
};
template <> struct gk_modular<uint64_t> {
  typedef uint64_t type;
};
template <class T> using gk_modulo = typename gk_modular<T>::type;

// a / b cut towards 0. The most negative number over -1 wraps as well.
template <class T> GK_INLINE T gk_quotient(T a, T b) {
  typedef gk_modulo<T> M;
  bool negates = gk_is_signed<T> && b == (T)-1;
  T q = (T)(a / (b == 0 || negates ? (T)1 : b));
  return b == 0 ? (T)0 : negates ? (T)((M)0 - (M)a) : q;
}
template <class T> GK_INLINE T gk_rest(T a, T b) { // of that
  typedef gk_modulo<T> M;
  return b == 0 ? (T)0 : (T)((M)a - (M)gk_quotient(a, b) * (M)b);
}
template <class T> GK_INLINE T gk_floor_quotient(T a, T b) {
  typedef gk_modulo<T> M;
  T r = gk_rest(a, b);
  bool below = gk_is_signed<T> && r != 0 && (r < 0) != (b < 0);
  return (T)((M)gk_quotient(a, b) - (M)below);
}
template <class T> GK_INLINE T gk_floor_rest(T a, T b) {
  typedef gk_modulo<T> M;
  T r = gk_rest(a, b);
  bool below = gk_is_signed<T> && r != 0 && (r < 0) != (b < 0);
  return below ? (T)((M)r + (M)b) : r;
}

template <class T> GK_INLINE T gk_left(T a, T b) {
  typedef gk_bits<T> U;
  constexpr U bits = 8 * sizeof(T);
  return (U)b < bits ? (T)((gk_modulo<T>)(U)a << ((U)b & (bits - 1))) : (T)0;
}
template <class T> GK_INLINE T gk_right(T a, T b) {
  typedef gk_bits<T> U;
  constexpr U bits = 8 * sizeof(T);
  if constexpr (gk_is_signed<T>)
    return (T)(a >> ((U)b < bits ? (U)b : (U)(bits - 1)));
  else
    return (U)b < bits ? (T)((gk_modulo<T>)a >> ((U)b & (bits - 1))) : (T)0;
}

// To a negative power: 1 / a^-b cut to an integer, and 0 for a = 0.
template <class T> GK_INLINE T gk_power(T a, T b) {
  typedef gk_modulo<T> M;
  if (gk_is_signed<T> && b < 0) return a == 1 ? (T)1 : a == (T)-1 ? (T)(b & 1 ? -1 : 1) : (T)0;
  M base = (M)a, product = 1;
  for (gk_bits<T> left = (gk_bits<T>)b; left; left >>= 1) {
    if (left & 1) product *= base;
    base *= base;
  }
  return (T)product;
}

// ---- floats: of the device's library, but for float32 where that is further than 2 units of the last place
// from the exact result, or keeps a table on the stack

#define GK_OF_ANGLE(name, of, near)                                                                \
  GK_INLINE float name(float x) {                                                                  \
    bool far = fabsf(x) > ANGLE_NEAR && fabsf(x) < INFINITY;                                       \
    return of(far ? angle_of_far(x) : near(x));                                                    \
  }
GK_OF_ANGLE(gk_sin32, sine, angle_near)
GK_OF_ANGLE(gk_cos32, cosine, angle_near)
GK_OF_ANGLE(gk_tan32, tangent, angle_of)

#define GK_FUNCTION(name, of32, of64)                                                              \
  GK_INLINE float gk_##name(float x) { return of32(x); }                                           \
  GK_INLINE double gk_##name(double x) { return of64(x); }
#define GK_FUNCTION_OF_TWO(name, of32, of64)                                                       \
  GK_INLINE float gk_##name(float x, float y) { return of32(x, y); }                               \
  GK_INLINE double gk_##name(double x, double y) { return of64(x, y); }
GK_FUNCTION(magnitude, fabsf, fabs)
GK_FUNCTION(sqrt, sqrtf, sqrt)
GK_FUNCTION(floor, floorf, floor)
GK_FUNCTION(ceil, ceilf, ceil)
GK_FUNCTION(round, rintf, rint) // half to even
GK_FUNCTION(trunc, truncf, trunc)
GK_FUNCTION(exp, expf, exp)
GK_FUNCTION(exp2, exp2f, exp2)
GK_FUNCTION(expm1, expm1f, expm1)
GK_FUNCTION(log, logf, log)
GK_FUNCTION(log2, log2f, log2)
GK_FUNCTION(log10, log10f, log10)
GK_FUNCTION(log1p, log1pf, log1p)
GK_FUNCTION(cbrt, cbrtf, cbrt)
GK_FUNCTION(sin, gk_sin32, sin)
GK_FUNCTION(cos, gk_cos32, cos)
GK_FUNCTION(tan, gk_tan32, tan)
GK_FUNCTION(arcsin, asinf, asin)
GK_FUNCTION(arccos, acosf, acos)
GK_FUNCTION(arctan, atanf, atan)
GK_FUNCTION(sinh, sinh32, sinh)
GK_FUNCTION(cosh, coshf, cosh)
GK_FUNCTION(tanh, tanhf, tanh)
GK_FUNCTION(erf, erff, erf)
GK_FUNCTION_OF_TWO(copysign, copysignf, copysign)
GK_FUNCTION_OF_TWO(pow, pow32, pow)
GK_FUNCTION_OF_TWO(hypot, hypot32, hypot)
GK_FUNCTION_OF_TWO(arctan2, arctan2_of, atan2)
GK_FUNCTION_OF_TWO(fmod, fmodf, fmod)
GK_INLINE float gk_fma(float a, float b, float c) { return fmaf(a, b, c); }
GK_INLINE double gk_fma(double a, double b, double c) { return fma(a, b, c); }

template <class F> constexpr F gk_infinity = (F)__builtin_inff();
template <class F> constexpr F gk_nan = (F)__builtin_nanf("");

template <class F> GK_INLINE bool gk_is_finite(F x) { return gk_magnitude(x) < gk_infinity<F>; }
template <class F> GK_INLINE bool gk_is_infinite(F x) { return gk_magnitude(x) == gk_infinity<F>; }

// The larger and the smaller one; of floats the first where it is NaN, else the second where that is.
template <class T> GK_INLINE T gk_larger(T a, T b) { return a >= b || a != a ? a : b; }
template <class T> GK_INLINE T gk_smaller(T a, T b) { return a <= b || a != a ? a : b; }

// Of C's fmod, which is exact: as NumPy has them. Where the signs differ the quotient is one lower, 0 and a
// rest of 0 have the sign of the quotient and of b, and a / 0 is what division gives.
template <class F> GK_INLINE F gk_float_rest(F a, F b) {
  F r = gk_fmod(a, b);
  return r == r ? r : gk_nan<F>;
}
template <class F> GK_INLINE F gk_float_floor_quotient(F a, F b) {
  F r = gk_float_rest(a, b), exact = (a - r) / b;
  if (r != 0 && (b < 0) != (r < 0)) exact -= 1;
  F whole = gk_floor(exact);
  if (exact - whole > (F)0.5) whole += 1;
  if (exact == 0) whole = gk_copysign((F)0, a / b);
  return b == 0 ? a / b : whole;
}
template <class F> GK_INLINE F gk_float_floor_rest(F a, F b) {
  F r = gk_float_rest(a, b), nearer = (b < 0) != (r < 0) ? r + b : r;
  return r == 0 ? gk_copysign((F)0, b) : nearer;
}

// ---- complex numbers: what could overflow or cancel on the way is computed in float64

GK_INLINE bool gk_is_finite(gk_complex z) { return gk_is_finite(z.re) && gk_is_finite(z.im); }
GK_INLINE gk_complex gk_product(gk_complex a, gk_complex b) {
  return gk_complex{a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

// Smith's: by the larger part of the divisor first, so that one infinite part of it gives 0; and 0
// divides each part.
GK_INLINE gk_complex gk_complex_quotient(gk_complex a, gk_complex b) {
  double x = a.re, y = a.im, u = b.re, v = b.im;
  bool by_real = fabs(u) >= fabs(v);
  double large = by_real ? u : v, small = by_real ? v : u;
  double ratio = small / large, scale = 1 / (large + small * ratio);
  double re = (by_real ? x : y) + (by_real ? y : x) * ratio;
  double im = (by_real ? y : -x) - (by_real ? x : -y) * ratio;
  if (u == 0 && v == 0) return gk_complex{(float)(x / fabs(u)), (float)(y / fabs(u))};
  return gk_complex{(float)(re * scale), (float)(im * scale)};
}
GK_INLINE gk_complex gk_complex_reciprocal(gk_complex z) {
  double x = z.re, y = z.im;
  bool by_real = fabs(x) >= fabs(y);
  double large = by_real ? x : y, small = by_real ? y : x;
  double ratio = small / large, divisor = large + small * ratio;
  return gk_complex{(float)((by_real ? 1 : ratio) / divisor),
                    (float)(-(by_real ? ratio : 1) / divisor)};
}
GK_INLINE float gk_length(float re, float im) {
  double x = re, y = im;
  if (gk_is_infinite(re) || gk_is_infinite(im)) return gk_infinity<float>;
  return (float)sqrt(x * x + y * y);
}

// e^x (cos y + i sin y). e^x may be out of float32's range while a part of the result is not.
GK_INLINE gk_complex gk_complex_exp(gk_complex z) {
  const float x = z.re, y = z.im, infinity = gk_infinity<float>;
  double length = exp((double)(x > 200 ? 200 : x < -200 ? -200 : x));
  bool no_direction = !gk_is_finite(y);
  float re = (float)(length * gk_cos32(y)), im = (float)(length * gk_sin32(y));
  if (no_direction && x == infinity) re = x;
  if (no_direction && x == -infinity) re = im = 0;
  if (y == 0) im = y;
  return gk_complex{re, im};
}
