// Exponential functions, logarithms and powers of float32, within 2 ulp everywhere and with C99's
// special values; of float64, libm's. Only for *_simd.c. The polynomials are minimax
// ones, their coefficients rounded to float32 one after another and the rest fitted again.
#ifndef GK_CPU_EXPONENTIAL_H
#define GK_CPU_EXPONENTIAL_H

#include "float_function.h"
#include "vector_function.h"

// ---- exponential functions

// Constants whose first part has so few bits that its product with an exponent is exact.
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define LOG10_2_HIGH 0x1.344000p-2f
#define LOG10_2_LOW 0x1.3509f8p-18f
#define LOG2_E_HIGH 0x1.716000p+0f
#define LOG2_E_LOW -0x1.7135a8p-13f
#define LOG10_E_HIGH 0x1.bcc000p-2f
#define LOG10_E_LOW -0x1.09d5b2p-15f

// The integer nearest to x times `factor`, below 2^22: as a float, and in *n. NaN stays NaN.
static inline float nearest_integer(float x, float factor, uint32_t *n) {
  const float shift = 0x1.8p23f; // adding it leaves no bits for a fraction
  float t = MULTIPLY_ADD(x, factor, shift);
  *n = bits_of(t) - bits_of(shift);
  return t - shift;
}

static inline float power_of_two(uint32_t n) { return float_of((n + 127) << 23); }

// y 2^n for n from -252 to 254, rounded once.
static inline float scaled(float y, uint32_t n) {
#if defined(__AVX512F__)
  return __builtin_ldexpf(y, (int)n); // one instruction
#else
  uint32_t half = (uint32_t)((int32_t)n >> 1); // 2^n itself may be out of range
  return y * power_of_two(half) * power_of_two(n - half);
#endif
}

// x = *n ln 2 + r; returns e^r - 1.
static inline float expm1_reduced(float x, uint32_t *n) {
  float k = nearest_integer(x, 0x1.715476p+0f, n);
  float r = MULTIPLY_ADD(k, -LN2_HIGH, x); // exact
  r = MULTIPLY_ADD(k, -LN2_LOW, r);
  float p = 0x1.6b9c68p-10f;
  p = MULTIPLY_ADD(p, r, 0x1.12254ap-7f);
  p = MULTIPLY_ADD(p, r, 0x1.5556f2p-5f);
  p = MULTIPLY_ADD(p, r, 0x1.5554b4p-3f);
  p = MULTIPLY_ADD(p, r, 0x1.fffffep-2f);
  return MULTIPLY_ADD(p, r * r, r);
}

// 2^r for |r| <= 1/2
static inline float exp2_reduced(float r) {
  float p = 0x1.4447b8p-13f;
  p = MULTIPLY_ADD(p, r, 0x1.5f0960p-10f);
  p = MULTIPLY_ADD(p, r, 0x1.3b2a28p-7f);
  p = MULTIPLY_ADD(p, r, 0x1.c6af7ap-5f);
  p = MULTIPLY_ADD(p, r, 0x1.ebfbe0p-3f);
  p = MULTIPLY_ADD(p, r, 0x1.62e430p-1f);
  return MULTIPLY_ADD(p, r, 1.0f);
}

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

// sinh and cosh from a quarter of 2^n (2^n itself may be out of range) and e^r - 1 = q:
// e^a / 4 = s + s q, e^-a / 4 = d.
typedef struct hyperbolic {
  float s, q, d;
} hyperbolic;
static inline hyperbolic hyperbolic_of(float a) {
  hyperbolic h;
  uint32_t n;
  h.q = expm1_reduced(89.5f < a ? 89.5f : a, &n);
  h.s = power_of_two(n - 2);
  h.d = 0.0625f / MULTIPLY_ADD(h.s, h.q, h.s);
  return h;
}

static inline float cosh32(float x) {
  hyperbolic h = hyperbolic_of(__builtin_fabsf(x));
  return (h.s + MULTIPLY_ADD(h.s, h.q, h.d)) * 2.0f;
}

static inline float sinh32(float x) {
  float a = __builtin_fabsf(x), z = a * a;
  float p = 0x1.756c1ep-19f;
  p = MULTIPLY_ADD(p, z, 0x1.a022bcp-13f);
  p = MULTIPLY_ADD(p, z, 0x1.1110e0p-7f);
  p = MULTIPLY_ADD(p, z, 0x1.555556p-3f);
  float small = MULTIPLY_ADD(p * z, a, a);
  hyperbolic h = hyperbolic_of(a);
  float large = (h.s + MULTIPLY_ADD(h.s, h.q, -h.d)) * 2.0f;
  return __builtin_copysignf(a < 1.0f ? small : large, x);
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

// x = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2). For finite x > 0.
static inline float log_reduced(float x, float *k) {
  uint32_t subnormal = x < 0x1p-126f;
  uint32_t u = bits_of(subnormal ? x * 0x1p23f : x);
  uint32_t e = (uint32_t)((int32_t)(u - 0x3f3504f3u) >> 23);
  *k = (float)((int32_t)e - (subnormal ? 23 : 0));
  return float_of(u - (e << 23)) - 1.0f;
}

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

// ---- two operands

// The logarithm to base 2 in float64, since y multiplies its error by up to 150.
static inline float pow32(float x, float y) {
  const float infinity = __builtin_inff();
  float a = __builtin_fabsf(x), k, f = log_reduced(a, &k);
  double s = f / (f + 2.0), z = s * s;
  double p = 0x1.5ce8e641f33a3p-2;
  p = MULTIPLY_ADD64(p, z, 0x1.a58d81481b800p-2);
  p = MULTIPLY_ADD64(p, z, 0x1.27777ff7aa56fp-1);
  p = MULTIPLY_ADD64(p, z, 0x1.ec709d12bc695p-1);
  p = MULTIPLY_ADD64(p, z, 0x1.71547652bee01p+1);
  double log = MULTIPLY_ADD64(s, p, (double)k);
  log = a < infinity ? log : (double)a; // infinity, NaN
  log = a == 0 ? -(double)infinity : log;
  // A finite y, so that its product with log 1 is 0.
  double w = (double)held(y, -0x1.fffffep127f, 0x1.fffffep127f) * log;
  w = w > 160.0 ? 160.0 : w;
  w = w < -160.0 ? -160.0 : w;
  uint32_t n;
  float whole = nearest_integer((float)w, 1.0f, &n);
  float power = scaled(exp2_reduced((float)(w - (double)whole)), n);

  float b = __builtin_fabsf(y);
  b = b < 0x1p24f ? b : 0x1p24f; // even, as all beyond are
  int32_t integer = (int32_t)b;
  bool fraction = (float)integer != b;
  uint32_t odd = fraction ? 0 : (uint32_t)integer;
  power = float_of(bits_of(power) ^ (odd << 31 & bits_of(x)));
  power = ((x < 0) & (a < infinity) & fraction) ? __builtin_nanf("") : power;
  return ((y == 0) | (x == 1.0f)) ? 1.0f : power;
}

// In float64 neither square can overflow or vanish.
static inline float hypot32(float x, float y) {
  double a = x, b = y;
  float h = (float)__builtin_sqrt(a * a + b * b);
  const float infinity = __builtin_inff();
  return ((__builtin_fabsf(x) == infinity) | (__builtin_fabsf(y) == infinity)) ? infinity : h;
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
