// Exponential functions, logarithms and powers of float32, within 2 ulp everywhere and with C99's
// special values; of float64, libm's. Only for *_simd.c. The polynomials are minimax
// ones, their coefficients rounded to float32 one after another and the rest fitted again.
#ifndef GK_CPU_EXPONENTIAL_H
#define GK_CPU_EXPONENTIAL_H

#include "float_function.h"
#include "vector_function.h"

// ---- exponential functions

// Constants whose first part has so few bits that its product with an exponent is exact.
#define LOG10_2_HIGH 0x1.344000p-2f
#define LOG10_2_LOW 0x1.3509f8p-18f
#define LOG2_E_HIGH 0x1.716000p+0f
#define LOG2_E_LOW -0x1.7135a8p-13f
#define LOG10_E_HIGH 0x1.bcc000p-2f
#define LOG10_E_LOW -0x1.09d5b2p-15f

static inline float exp32(float x) {
  x = held(x, -104.0f, 89.0f); // beyond: 0, and infinity
  uint32_t n;
  float y = expm1_reduced(x, &n) + 1.0f;
  return scaled(y, n);
}

static inline float exp2_32(float x) {
  x = held(x, -151.0f, 129.0f);
  uint32_t n;
  float k = nearest_integer(x, 1.0f, &n);
  return scaled(exp2_reduced(x - k), n);
}

static inline float expm1_32(float x) {
  uint32_t n;
  float y = expm1_reduced(held(x, -18.0f, 89.0f), &n);
  float s = power_of_two(n - 1); // half, since 2^128 is out of range
  y = MULTIPLY_ADD(y, s, s - 0.5f) * 2.0f;
  return __builtin_copysignf(y, x); // the sign of zero
}

static inline float cosh32(float x) {
  hyperbolic h = hyperbolic_of(__builtin_fabsf(x));
  return (h.s + MULTIPLY_ADD(h.s, h.q, h.d)) * 2.0f;
}

static inline float tanh32(float x) {
  float a = __builtin_fabsf(x), z = a * a;
  float p = -0x1.76abf4p-8f;
  p = MULTIPLY_ADD(p, z, 0x1.5256cep-6f);
  p = MULTIPLY_ADD(p, z, -0x1.b84448p-5f);
  p = MULTIPLY_ADD(p, z, 0x1.110768p-3f);
  p = MULTIPLY_ADD(p, z, -0x1.555534p-2f);
  float small = MULTIPLY_ADD(p * z, a, a);
  float held = 10.0f < a ? 10.0f : a; // from there on it is 1
  uint32_t n;
  float q = expm1_reduced(held + held, &n), s = power_of_two(n);
  float large = 1.0f - 2.0f / (MULTIPLY_ADD(q, s, s) + 1.0f);
  return __builtin_copysignf(a < 0.625f ? small : large, x);
}

// ---- logarithms

// log(1 + f) - f
static inline float log_rest(float f) {
  float p = -0x1.38c9dep-4f;
  p = MULTIPLY_ADD(p, f, 0x1.055ec6p-3f);
  p = MULTIPLY_ADD(p, f, -0x1.0d8242p-3f);
  p = MULTIPLY_ADD(p, f, 0x1.22d92ep-3f);
  p = MULTIPLY_ADD(p, f, -0x1.54728ap-3f);
  p = MULTIPLY_ADD(p, f, 0x1.99a01cp-3f);
  p = MULTIPLY_ADD(p, f, -0x1.000226p-2f);
  p = MULTIPLY_ADD(p, f, 0x1.555554p-2f);
  float square = f * f;
  return MULTIPLY_ADD(-0.5f, square, p * f * square);
}

// y, but for what has no finite logarithm. NaN and infinity stay.
static inline float log_special(float x, float y) {
  y = x <= 0x1.fffffep127f ? y : x;
  y = x < 0 ? __builtin_nanf("") : y;
  return x == 0 ? -__builtin_inff() : y;
}

static inline float log32(float x) {
  float k, f = log_reduced(x, &k);
  float y = f + MULTIPLY_ADD(k, LN2_LOW, log_rest(f));
  return log_special(x, MULTIPLY_ADD(k, LN2_HIGH, y));
}

// log(1 + f) times a constant in two parts.
static inline float log_times(float f, float high, float low) {
  return multiply_add_exact(f, high, MULTIPLY_ADD(f, low, log_rest(f) * (high + low)));
}

static inline float log2_32(float x) {
  float k, f = log_reduced(x, &k);
  return log_special(x, k + log_times(f, LOG2_E_HIGH, LOG2_E_LOW));
}

static inline float log10_32(float x) {
  float k, f = log_reduced(x, &k);
  float y = MULTIPLY_ADD(k, LOG10_2_LOW, log_times(f, LOG10_E_HIGH, LOG10_E_LOW));
  return log_special(x, MULTIPLY_ADD(k, LOG10_2_HIGH, y));
}

static inline float log1p_32(float x) {
  // The exponent is that of 1 + x, but f = (1 + x) 2^-e - 1 comes from x itself: rounded once.
  uint32_t e = (uint32_t)((int32_t)(bits_of(1.0f + x) - 0x3f3504f3u) >> 23);
  float s = float_of((129 - e) << 23); // four times 2^-e, which may be out of range
  float f = MULTIPLY_ADD(x * s, 0.25f, MULTIPLY_ADD(s, 0.25f, -1.0f)), k = (float)(int32_t)e;
  float y = f + MULTIPLY_ADD(k, LN2_LOW, log_rest(f));
  y = log_special(1.0f + x, MULTIPLY_ADD(k, LN2_HIGH, y));
  return __builtin_copysignf(y, x); // the sign of zero
}

// ---- roots

static inline float rsqrt32(float x) { return 1.0f / __builtin_sqrtf(x); }

static inline float cbrt32(float x) {
  float a = __builtin_fabsf(x);
  bool small = a < 1.0f;
  a *= small ? 0x1p48f : 0x1p-48f; // neither subnormal nor near overflow
  // r is a^(-1/3), within 4 % by the bits taken as a logarithm; then a series in its error.
  float r = float_of(0x54a21d2au - (uint32_t)(int32_t)((float)(int32_t)bits_of(a) * (1.0f / 3.0f)));
  float e = 1.0f - a * r * r * r;
  float p = MULTIPLY_ADD(e, 14.0f / 81.0f, 2.0f / 9.0f);
  p = MULTIPLY_ADD(p, e, 1.0f / 3.0f);
  r = MULTIPLY_ADD(p * e, r, r);
  float square = r * r, y = a * square; // and one step of Newton's for y^3 = a
  y = MULTIPLY_ADD(MULTIPLY_ADD(y * y, y, -a) * square, -1.0f / 3.0f, y);
  y = __builtin_copysignf(y * (small ? 0x1p-16f : 0x1p16f), x);
  return ((x == 0) | !(__builtin_fabsf(x) <= 0x1.fffffep127f)) ? x : y;
}

// ---- of a vector

VECTOR_BY_ELEMENT(exp, exp32)
#if defined(__AVX512F__)
#include "exponential_avx512.h"
VECTOR_BY_512(tanh, tanh_512)
VECTOR_BY_512(log, log_512)
VECTOR_BY_512(log2, log2_512)
VECTOR_BY_512(log10, log10_512)
#else
VECTOR_BY_ELEMENT(tanh, tanh32)
VECTOR_BY_ELEMENT(log, log32)
VECTOR_BY_ELEMENT(log2, log2_32)
VECTOR_BY_ELEMENT(log10, log10_32)
#endif

// ---- float64

static inline double rsqrt64(double x) { return 1.0 / __builtin_sqrt(x); }
LIBM(sinh, sinh)
LIBM(cosh, cosh)
LIBM(cbrt, cbrt)

#endif
