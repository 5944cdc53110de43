// Functions of float32 that every device computes in the same way: where a device's own are further from
// the exact result than 2 units of the last place, or slower. Branch-free C that a compiler makes vectors
// of: `a < b ? x : y` becomes a blend, and both sides are computed. C99's special values; the polynomials
// are minimax ones, their coefficients rounded to float32 one after another and the rest fitted again.
#ifndef GK_CORE_FLOAT_FORMULAS_H
#define GK_CORE_FLOAT_FORMULAS_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#ifdef __CUDACC__
#define GK_FORMULA static __device__ inline
#else
#define GK_FORMULA static inline
#endif

// a * b + c, for polynomials: fused where that is one instruction.
#if defined(__FMA__) || defined(__aarch64__) || defined(__CUDACC__)
#define GK_IS_FUSED 1
#define MULTIPLY_ADD(a, b, c) fmaf(a, b, c)
#define MULTIPLY_ADD64(a, b, c) fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define MULTIPLY_ADD64(a, b, c) ((a) * (b) + (c))
#endif

GK_FORMULA uint32_t bits_of(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}
GK_FORMULA float float_of(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

// NaN stays NaN.
GK_FORMULA float held(float x, float least, float most) {
  x = most < x ? most : x;
  return least > x ? least : x;
}

// ---- exponential functions and logarithms

// Constants whose first part has so few bits that its product with an exponent is exact.
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f

// The integer nearest to x times `factor`, below 2^22: as a float, and in *n. NaN stays NaN.
GK_FORMULA float nearest_integer(float x, float factor, uint32_t *n) {
  const float shift = 0x1.8p23f; // adding it leaves no bits for a fraction
  float t = MULTIPLY_ADD(x, factor, shift);
  *n = bits_of(t) - bits_of(shift);
  return t - shift;
}

GK_FORMULA float power_of_two(uint32_t n) { return float_of((n + 127) << 23); }

// y 2^n for n from -252 to 254, rounded once.
GK_FORMULA float scaled(float y, uint32_t n) {
#if defined(__AVX512F__)
  return __builtin_ldexpf(y, (int)n); // one instruction
#else
  uint32_t half = (uint32_t)((int32_t)n >> 1); // 2^n itself may be out of range
  return y * power_of_two(half) * power_of_two(n - half);
#endif
}

// x = *n ln 2 + r; returns e^r - 1.
GK_FORMULA float expm1_reduced(float x, uint32_t *n) {
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
GK_FORMULA float exp2_reduced(float r) {
  float p = 0x1.4447b8p-13f;
  p = MULTIPLY_ADD(p, r, 0x1.5f0960p-10f);
  p = MULTIPLY_ADD(p, r, 0x1.3b2a28p-7f);
  p = MULTIPLY_ADD(p, r, 0x1.c6af7ap-5f);
  p = MULTIPLY_ADD(p, r, 0x1.ebfbe0p-3f);
  p = MULTIPLY_ADD(p, r, 0x1.62e430p-1f);
  return MULTIPLY_ADD(p, r, 1.0f);
}

// sinh and cosh from a quarter of 2^n (2^n itself may be out of range) and e^r - 1 = q:
// e^a / 4 = s + s q, e^-a / 4 = d.
typedef struct hyperbolic {
  float s, q, d;
} hyperbolic;
GK_FORMULA hyperbolic hyperbolic_of(float a) {
  hyperbolic h;
  uint32_t n;
  h.q = expm1_reduced(89.5f < a ? 89.5f : a, &n);
  h.s = power_of_two(n - 2);
  h.d = 0.0625f / MULTIPLY_ADD(h.s, h.q, h.s);
  return h;
}

GK_FORMULA float sinh32(float x) {
  float a = fabsf(x), z = a * a;
  float p = 0x1.756c1ep-19f;
  p = MULTIPLY_ADD(p, z, 0x1.a022bcp-13f);
  p = MULTIPLY_ADD(p, z, 0x1.1110e0p-7f);
  p = MULTIPLY_ADD(p, z, 0x1.555556p-3f);
  float small = MULTIPLY_ADD(p * z, a, a);
  hyperbolic h = hyperbolic_of(a);
  float large = (h.s + MULTIPLY_ADD(h.s, h.q, -h.d)) * 2.0f;
  return copysignf(a < 1.0f ? small : large, x);
}

// x = 2^k (1 + f) with 1 + f from sqrt(1/2) to sqrt(2). For finite x > 0.
GK_FORMULA float log_reduced(float x, float *k) {
  uint32_t subnormal = x < 0x1p-126f;
  uint32_t u = bits_of(subnormal ? x * 0x1p23f : x);
  uint32_t e = (uint32_t)((int32_t)(u - 0x3f3504f3u) >> 23);
  *k = (float)((int32_t)e - (subnormal ? 23 : 0));
  return float_of(u - (e << 23)) - 1.0f;
}

// ---- two operands

// The logarithm to base 2 in float64, since y multiplies its error by up to 150.
GK_FORMULA float pow32(float x, float y) {
  const float infinity = INFINITY;
  float a = fabsf(x), k, f = log_reduced(a, &k);
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

  float b = fabsf(y);
  b = b < 0x1p24f ? b : 0x1p24f; // even, as all beyond are
  int32_t integer = (int32_t)b;
  bool fraction = (float)integer != b;
  uint32_t odd = fraction ? 0 : (uint32_t)integer;
  power = float_of(bits_of(power) ^ (odd << 31 & bits_of(x)));
  power = ((x < 0) & (a < infinity) & fraction) ? NAN : power;
  return ((y == 0) | (x == 1.0f)) ? 1.0f : power;
}

// In float64 neither square can overflow or vanish.
GK_FORMULA float hypot32(float x, float y) {
  double a = x, b = y;
  float h = (float)sqrt(a * a + b * b);
  const float infinity = INFINITY;
  return ((fabsf(x) == infinity) | (fabsf(y) == infinity)) ? infinity : h;
}

// ---- angles

// x less the nearest multiple of pi / 2, as near + rest where rest is at most half a unit of `near`;
// the low two bits of `turns` are that multiple's.
typedef struct angle {
  float near, rest;
  uint32_t turns;
} angle;

// angle_of holds for |x| up to this, and for infinities and NaN; angle_of_far for all larger numbers.
#define ANGLE_NEAR 0x1p16f

GK_FORMULA angle angle_split(double exact, uint32_t turns) {
  float near = (float)exact;
  angle r = {near, (float)(exact - (double)near), turns};
  return r;
}

GK_FORMULA angle angle_of(float x) {
#ifdef GK_IS_FUSED
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
  angle r = {near, (second - near) - over, bits_of(t)};
  return r;
#else
  const double shift = 0x1.8p52;
  double t = (double)x * 0x1.45f306dc9c883p-1 + shift, k = t - shift;
  uint64_t turns;
  memcpy(&turns, &t, sizeof turns);
  // pi / 2 in two parts, the first one of 31 bits: its product is exact.
  return angle_split(((double)x - k * 0x1.921fb54p0) - k * 0x1.10b4611a62633p-30, (uint32_t)turns);
#endif
}

// As angle_of without the rest, which sine and cosine can do without.
GK_FORMULA angle angle_near(float x) {
#ifdef GK_IS_FUSED
  const float shift = 0x1.8p23f;
  float t = x * 0x1.45f306p-1f + shift, k = t - shift;
  float left = MULTIPLY_ADD(k, -0x1.921fbp0f, x);
  left = MULTIPLY_ADD(k, -0x1.5110b4p-22f, left);
  angle r = {MULTIPLY_ADD(k, -0x1.84698ap-48f, left), 0, bits_of(t)};
  return r;
#else
  return angle_of(x);
#endif
}

// x = m 2^e, and of 2 / pi only those 96 bits count whose product with m
// is neither whole turns nor too small to matter.
GK_FORMULA angle angle_of_far(float x) {
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

GK_FORMULA float sine(angle r) {
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

GK_FORMULA float cosine(angle r) {
  r.turns++;
  return sine(r);
}

GK_FORMULA float tangent(angle r) {
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

#define HALF_PI 0x1.921fb6p0f
#define HALF_PI_REST -0x1.777a5cp-25f

// Angle of the point (x, y), both at least 0.
GK_FORMULA float arctan_quadrant(float y, float x) {
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

GK_FORMULA float arctan2_of(float y, float x) {
  float r = arctan_quadrant(fabsf(y), fabsf(x));
  r = bits_of(x) >> 31 ? 2.0f * HALF_PI - (r - 2.0f * HALF_PI_REST) : r;
  return copysignf(r, y);
}

#endif
