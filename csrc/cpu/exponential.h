// Exponential functions and logarithms of one float32, within 2 ulp everywhere and with C99's
// special values; of one float64, libm's. Only for elementwise_simd.c.
#ifndef GK_CPU_EXPONENTIAL_H
#define GK_CPU_EXPONENTIAL_H

#include "float_function.h"

// x = *n ln 2 + r; returns e^r. NaN stays NaN.
static inline float exp_reduced(float x, uint32_t *n) {
  const float shift = 0x1.8p23f; // adding it rounds to an integer in the low bits
  float t = x * 1.44269504f + shift;
  *n = bits_of(t) - bits_of(shift);
  float k = t - shift;
  float r = MULTIPLY_ADD(k, -0.693359375f, x); // exact: the constant has 10 bits
  r = MULTIPLY_ADD(k, 2.12194440e-4f, r);
  float p = 0x1.6a234ep-10f;
  p = MULTIPLY_ADD(p, r, 0x1.123a6cp-7f);
  p = MULTIPLY_ADD(p, r, 0x1.5558f4p-5f);
  p = MULTIPLY_ADD(p, r, 0x1.55549p-3f);
  p = MULTIPLY_ADD(p, r, 0x1.fffffcp-2f);
  return MULTIPLY_ADD(p, r * r, r) + 1.0f;
}

static inline float power_of_two(uint32_t n) { return float_of((n + 127) << 23); }

static inline float exp32(float x) {
  x = 89.0f < x ? 89.0f : x; // beyond: infinity, and 0
  x = -104.0f > x ? -104.0f : x;
  uint32_t n;
  float y = exp_reduced(x, &n);
  // In two steps, since 2^n itself may be out of range: only the second one rounds.
  uint32_t half = (uint32_t)((int32_t)n >> 1);
  return y * power_of_two(half) * power_of_two(n - half);
}

static inline float log32(float x) {
  uint32_t subnormal = x < 0x1p-126f;
  uint32_t u = bits_of(subnormal ? x * 0x1p23f : x);
  // x = 2^e m with m from sqrt(1/2) to sqrt(2)
  uint32_t e = (uint32_t)((int32_t)(u - 0x3f3504f3u) >> 23);
  float f = float_of(u - (e << 23)) - 1.0f;
  float k = (float)((int32_t)e - (subnormal ? 23 : 0));
  float p = -0x1.38b4ccp-4f;
  p = MULTIPLY_ADD(p, f, 0x1.055b46p-3f);
  p = MULTIPLY_ADD(p, f, -0x1.0d8552p-3f);
  p = MULTIPLY_ADD(p, f, 0x1.22da22p-3f);
  p = MULTIPLY_ADD(p, f, -0x1.547244p-3f);
  p = MULTIPLY_ADD(p, f, 0x1.99a008p-3f);
  p = MULTIPLY_ADD(p, f, -0x1.000228p-2f);
  p = MULTIPLY_ADD(p, f, 0x1.555554p-2f);
  float square = f * f;
  float y = MULTIPLY_ADD(k, -2.12194440e-4f, p * f * square);
  y = MULTIPLY_ADD(-0.5f, square, y);
  y = f + y;
  y = MULTIPLY_ADD(k, 0.693359375f, y);
  y = x <= 0x1.fffffep127f ? y : x; // infinity and NaN
  y = x < 0 ? __builtin_nanf("") : y;
  return x == 0 ? -__builtin_inff() : y;
}

static inline float tanh32(float x) {
  float a = __builtin_fabsf(x);
  float z = a * a;
  float p = -0x1.76abf4p-8f;
  p = MULTIPLY_ADD(p, z, 0x1.5256cep-6f);
  p = MULTIPLY_ADD(p, z, -0x1.b84448p-5f);
  p = MULTIPLY_ADD(p, z, 0x1.110768p-3f);
  p = MULTIPLY_ADD(p, z, -0x1.555534p-2f);
  float small = MULTIPLY_ADD(p * z, a, a);
  float held = 10.0f < a ? 10.0f : a; // from there on it is 1
  uint32_t n;
  float e = exp_reduced(held + held, &n);
  float large = 1.0f - 2.0f / (e * power_of_two(n) + 1.0f);
  return __builtin_copysignf(a < 0.625f ? small : large, x);
}

LIBM(exp, exp)
LIBM(log, log)
LIBM(tanh, tanh)

#endif
