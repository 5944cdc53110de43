// Trigonometric functions, their inverses and erf of one float32 (arctan2: of two), within 2 ulp
// everywhere and with C99's special values; of float64, libm's. Only for elementwise_simd.c.
//
// sin32, cos32 and tan32 hold for |x| <= ANGLE_NEAR, and for infinities and NaN; sin_far32 and so on for
// all larger numbers. Polynomials are minimax fits with float32 coefficients.
#ifndef GK_CPU_TRIGONOMETRY_H
#define GK_CPU_TRIGONOMETRY_H

#include "float_function.h"

#define ANGLE_NEAR 0x1p16f

// x less the nearest multiple of pi / 2, as near + rest where rest is at most half a unit of `near`;
// the low two bits of `turns` are that multiple's.
typedef struct angle {
  float near, rest;
  uint32_t turns;
} angle;

static inline angle angle_split(double exact, uint32_t turns) {
  float near = (float)exact;
  return (angle){near, (float)(exact - (double)near), turns};
}

static inline angle angle_of(float x) {
#if defined(__FMA__) || defined(__aarch64__)
  const float shift = 0x1.8p23f; // adding it rounds to an integer in the low bits
  float t = x * 0x1.45f306p-1f + shift, k = t - shift;
  // pi / 2 in three parts. The first one has so few bits that what it leaves is exact; of the second
  // one are kept what rounding took from the product and from the difference.
  float first = MULTIPLY_ADD(k, -0x1.921fbp0f, x);
  float take = k * 0x1.5110b4p-22f, taken = MULTIPLY_ADD(k, 0x1.5110b4p-22f, -take);
  float second = first - take, back = second - first;
  float over = (take + back) - (first - (second - back)) + taken;
  over = MULTIPLY_ADD(k, 0x1.84698ap-48f, over);
  float near = second - over;
  return (angle){near, (second - near) - over, bits_of(t)};
#else
  const double shift = 0x1.8p52;
  double t = (double)x * 0x1.45f306dc9c883p-1 + shift, k = t - shift;
  uint64_t turns;
  memcpy(&turns, &t, sizeof turns);
  // pi / 2 in two parts, the first one of 31 bits: its product is exact.
  return angle_split(((double)x - k * 0x1.921fb54p0) - k * 0x1.10b4611a62633p-30, (uint32_t)turns);
#endif
}

// Without the rest, which sine and cosine can do without.
static inline angle angle_near(float x) {
#if defined(__FMA__) || defined(__aarch64__)
  const float shift = 0x1.8p23f;
  float t = x * 0x1.45f306p-1f + shift, k = t - shift;
  float left = MULTIPLY_ADD(k, -0x1.921fbp0f, x);
  left = MULTIPLY_ADD(k, -0x1.5110b4p-22f, left);
  return (angle){MULTIPLY_ADD(k, -0x1.84698ap-48f, left), 0, bits_of(t)};
#else
  return angle_of(x);
#endif
}

// The same for what is beyond: x = m 2^e, and of 2 / pi only those 96 bits count whose product with m
// is neither whole turns nor too small to matter.
static inline angle angle_of_far(float x) {
  static const uint32_t two_over_pi[] = {0,          0xa2f9836e, 0x4e441529, 0xfc2757d1,
                                         0xf534ddc0, 0xdb629599, 0x3c439041, 0xfe5163ab};
  uint32_t bits = bits_of(x), exponent = bits >> 23 & 0xff;
  exponent = exponent < 0x8f ? 0x8f : exponent > 0xfe ? 0xfe : exponent; // so that no read strays
  uint64_t m = (bits & 0x7fffff) | 0x800000;
  uint32_t from = exponent - 120, word = from >> 5, by = from & 31;
  uint64_t a = (uint64_t)two_over_pi[word] << 32 | two_over_pi[word + 1];
  uint64_t b = (uint64_t)two_over_pi[word + 1] << 32 | two_over_pi[word + 2];
  uint64_t c = (uint64_t)two_over_pi[word + 2] << 32 | two_over_pi[word + 3];
  a = a << by >> 32, b = b << by >> 32, c = c << by >> 32;
  uint64_t turns = (m * a << 32) + m * b + (m * c >> 32); // in units of 2^-62 of a quarter
  uint64_t quarters = (turns + ((uint64_t)1 << 61)) >> 62;
  double exact = (double)(int64_t)(turns - (quarters << 62)) * 0x1.921fb54442d18p-62;
  bool negative = bits >> 31;
  return angle_split(negative ? -exact : exact, (uint32_t)(negative ? 0 - quarters : quarters));
}

static inline float sine(angle r) {
  float x = r.near, z = x * x;
  float p = -0x1.995404p-13f;
  p = MULTIPLY_ADD(p, z, 0x1.110778p-7f);
  p = MULTIPLY_ADD(p, z, -0x1.555546p-3f);
  float s = MULTIPLY_ADD(x * z, p, x);
  s = x == 0 ? x : s; // keeps -0
  float q = 0x1.99e83ap-16f;
  q = MULTIPLY_ADD(q, z, -0x1.6c0c28p-10f);
  q = MULTIPLY_ADD(q, z, 0x1.55554ap-5f);
  q = MULTIPLY_ADD(q, z, -0.5f);
  float c = MULTIPLY_ADD(q, z, 1.0f);
  return float_of(bits_of(r.turns & 1 ? c : s) ^ (r.turns & 2) << 30);
}

static inline float cosine(angle r) {
  r.turns++;
  return sine(r);
}

static inline float tangent(angle r) {
  float x = r.near, z = x * x;
  float p = 0x1.1ed1a8p-8f;
  p = MULTIPLY_ADD(p, z, 0x1.80cdf6p-14f);
  p = MULTIPLY_ADD(p, z, 0x1.62ececp-7f);
  p = MULTIPLY_ADD(p, z, 0x1.5cbc5ep-6f);
  p = MULTIPLY_ADD(p, z, 0x1.bad9f8p-5f);
  p = MULTIPLY_ADD(p, z, 0x1.110d9ep-3f);
  p = MULTIPLY_ADD(p, z, 0x1.555560p-2f);
  // tan is t - over: a rounding of t would weigh twice as much in 1 / t.
  float w = x * z * p, t = x + w, over = (t - x) - w;
  over = MULTIPLY_ADD(-r.rest, MULTIPLY_ADD(t, t, 1.0f), over);
  float back = -1.0f / t;
  return r.turns & 1 ? MULTIPLY_ADD(-back * over, back, back) : t - over;
}

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

#define HALF_PI 0x1.921fb6p0f
#define HALF_PI_REST -0x1.777a5cp-25f

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

// Angle of the point (x, y), both at least 0.
static inline float arctan_quadrant(float y, float x) {
  bool steep = y > x;
  float over = steep ? x : y, under = steep ? y : x;
  float t = over / under;
  t = over == under ? (over == 0 ? 0.0f : 1.0f) : t; // of two zeros and of two infinities too
  float z = t * t;
  float p = -0x1.d4132p-10f;
  p = MULTIPLY_ADD(p, z, 0x1.646e2cp-7f);
  p = MULTIPLY_ADD(p, z, -0x1.fda912p-6f);
  p = MULTIPLY_ADD(p, z, 0x1.da350ep-5f);
  p = MULTIPLY_ADD(p, z, -0x1.580a24p-4f);
  p = MULTIPLY_ADD(p, z, 0x1.c08c4ep-4f);
  p = MULTIPLY_ADD(p, z, -0x1.242086p-3f);
  p = MULTIPLY_ADD(p, z, 0x1.9991e4p-3f);
  p = MULTIPLY_ADD(p, z, -0x1.55553ep-2f);
  float r = MULTIPLY_ADD(t * z, p, t);
  return steep ? HALF_PI - (r - HALF_PI_REST) : r;
}

static inline float arctan32(float x) {
  return __builtin_copysignf(arctan_quadrant(__builtin_fabsf(x), 1.0f), x);
}

static inline float arctan2_of(float y, float x) {
  float r = arctan_quadrant(__builtin_fabsf(y), __builtin_fabsf(x));
  r = bits_of(x) >> 31 ? 2.0f * HALF_PI - (r - 2.0f * HALF_PI_REST) : r;
  return __builtin_copysignf(r, y);
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
