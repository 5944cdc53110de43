// Trigonometric functions, their inverses and erf of one float32 (arctan2: of two), within 2 ulp
// everywhere and with C99's special values; of float64, libm's. Only for elementwise_simd.c.
//
// sin32, cos32 and tan32 hold for |x| <= ANGLE_NEAR, and for infinities and NaN; sin_far32 and so on for
// all larger numbers. Polynomials are minimax fits with float32 coefficients.
#ifndef GK_CPU_TRIGONOMETRY_H
#define GK_CPU_TRIGONOMETRY_H

#include "float_function.h"

#define OF_ANGLE(name, function, angle)                                                            \
  static inline float name##32(float x) { return function(angle(x)); }                             \
  static inline float name##_far32(float x) { return function(angle_of_far(x)); }
OF_ANGLE(sin, sine, angle_near)
OF_ANGLE(cos, cosine, angle_near)
OF_ANGLE(tan, tangent, angle_of)

// (arcsin x - x) / x^3 of z = x^2 <= 0.32
static inline float arcsin_series(float z) {
  float p = 0x1.84fbf8p-5f;
  p = MULTIPLY_ADD(p, z, 0x1.b9e72cp-8f);
  p = MULTIPLY_ADD(p, z, 0x1.169d94p-5f);
  p = MULTIPLY_ADD(p, z, 0x1.6a59a6p-5f);
  p = MULTIPLY_ADD(p, z, 0x1.334932p-4f);
  return MULTIPLY_ADD(p, z, 0x1.555526p-3f);
}

// From 0.5625 on: arcsin x = pi / 2 - 2 arcsin sqrt((1 - x) / 2). There the second term is below 1, so
// that its rounding is no larger than the result's.
static inline float arcsin32(float x) {
  float a = __builtin_fabsf(x);
  bool small = a < 0.5625f;
  float z = small ? a * a : 0.5f - 0.5f * a;
  float s = small ? a : __builtin_sqrtf(z);
  float y = MULTIPLY_ADD(s * z, arcsin_series(z), s);
  float large = HALF_PI - (2.0f * y - HALF_PI_REST);
  return __builtin_copysignf(small ? y : large, x);
}

static inline float arccos32(float x) {
  float a = __builtin_fabsf(x);
  bool small = a < 0.5625f;
  float z = small ? a * a : 0.5f - 0.5f * a;
  float s = small ? a : __builtin_sqrtf(z);
  float y = MULTIPLY_ADD(s * z, arcsin_series(z), s);
  float middle = HALF_PI - (__builtin_copysignf(y, x) - HALF_PI_REST);
  float large = x < 0 ? 2.0f * HALF_PI - (2.0f * y - 2.0f * HALF_PI_REST) : 2.0f * y;
  return small ? middle : large;
}

static inline float arctan32(float x) {
  return __builtin_copysignf(arctan_quadrant(__builtin_fabsf(x), 1.0f), x);
}

// From 0.65 on, 1 - 2^t: t is a polynomial too.
static inline float erf32(float x) {
  float a = __builtin_fabsf(x), z = a * a;
  float p = 0x1.209abcp-8f;
  p = MULTIPLY_ADD(p, z, -0x1.b35feap-6f);
  p = MULTIPLY_ADD(p, z, 0x1.ce01c6p-4f);
  p = MULTIPLY_ADD(p, z, -0x1.8126b2p-2f);
  p = MULTIPLY_ADD(p, z, 0x1.06eba6p-3f);
  float small = MULTIPLY_ADD(p, a, a);
  float held = 3.95f < a ? 3.95f : a; // from there on it is 1
  float t = 0x1.4cdad6p-12f;
  t = MULTIPLY_ADD(t, held, -0x1.34d304p-8f);
  t = MULTIPLY_ADD(t, held, 0x1.109394p-5f);
  t = MULTIPLY_ADD(t, held, -0x1.37e328p-3f);
  t = MULTIPLY_ADD(t, held, -0x1.d56190p-1f);
  t = MULTIPLY_ADD(t, held, -0x1.a0d6b2p0f);
  t = MULTIPLY_ADD(t, held, 0x1.ec96aap-16f);
  const float shift = 0x1.8p23f;
  float n = t + shift, f = t - (n - shift);
  float e = 0x1.44479ep-13f;
  e = MULTIPLY_ADD(e, f, 0x1.5f0962p-10f);
  e = MULTIPLY_ADD(e, f, 0x1.3b2a28p-7f);
  e = MULTIPLY_ADD(e, f, 0x1.c6af7ap-5f);
  e = MULTIPLY_ADD(e, f, 0x1.ebfbe0p-3f);
  e = MULTIPLY_ADD(e, f, 0x1.62e430p-1f);
  e = MULTIPLY_ADD(e, f, 1.0f);
  float power = float_of((bits_of(n) - bits_of(shift) + 127) << 23);
  float large = MULTIPLY_ADD(-e, power, 1.0f);
  return __builtin_copysignf(a < 0.65f ? small : large, x);
}

LIBM(sin, sin)
LIBM(cos, cos)
LIBM(tan, tan)
LIBM(arcsin, asin)
LIBM(arccos, acos)
LIBM(arctan, atan)
LIBM(erf, erf)

#endif
