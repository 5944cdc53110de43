// Philox 4x32-10 and the loops that turn its words into uniform and normal numbers: see random.h.
// Plain C that compilers vectorise, but for the cipher, which spells out its lanes.
//
// Errors over all inputs, in units of the last place: log 1.0 (float) and 1.3 (double), sine 0.8,
// cosine 1.0; a float normal is within 4 of its formula.
#include <math.h>
#include <string.h>

#include "random.h"
#include "simd.h"

// Eight blocks side by side, a 32-bit word in each 64-bit lane: what a widening multiplication
// wants. The upper halves hold rubbish between rounds.
typedef uint64_t lanes __attribute__((vector_size(64)));
#define LANES 8
#define LOW 0xffffffffu

static inline void cipher(lanes c[4], uint32_t k0, uint32_t k1) {
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
    const lanes p = (c[0] & LOW) * 0xD2511F53u, q = (c[2] & LOW) * 0xCD9E8D57u;
    c[0] = (q >> 32) ^ c[1] ^ k0;
    c[1] = q;
    c[2] = (p >> 32) ^ c[3] ^ k1;
    c[3] = p;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

// The words of eight blocks from block `low` on, in their order.
static inline void eight(uint64_t low, uint64_t high, uint64_t key, lanes out[2]) {
  const lanes steps = {0, 1, 2, 3, 4, 5, 6, 7}, counter = steps + low, zero = {0};
  lanes c[4] = {counter, counter >> 32, zero + (high & LOW), zero + (high >> 32)};
  cipher(c, (uint32_t)key, (uint32_t)(key >> 32));
  const lanes first = (c[0] & LOW) | (c[1] << 32), second = (c[2] & LOW) | (c[3] << 32);
  out[0] = __builtin_shufflevector(first, second, 0, 8, 1, 9, 2, 10, 3, 11);
  out[1] = __builtin_shufflevector(first, second, 4, 12, 5, 13, 6, 14, 7, 15);
}

static void words(int64_t blocks, uint64_t low, uint64_t high, uint64_t key, uint32_t *out) {
  lanes next[2];
  for (; blocks >= LANES; blocks -= LANES, low += LANES, out += 4 * LANES) {
    eight(low, high, key, next);
    memcpy(out, next, sizeof next);
  }
  if (blocks == 0) return;
  eight(low, high, key, next);
  memcpy(out, next, (size_t)blocks * 16);
}

// Two words as an integer of 64 bits, the low word first.
static inline uint64_t wide(const uint32_t *w) { return (uint64_t)w[1] << 32 | w[0]; }

// ---- uniform

#define UNIFORM(bits, T, UNIT)                                                                     \
  static void uniform##bits(int64_t n, const uint32_t *w, T low, T span, T limit, T *out) {        \
    if (span < 0) {                                                                                \
      GK_VECTORIZE                                                                                 \
      for (int64_t i = 0; i < n; i++) {                                                            \
        const T v = low + (UNIT) * span;                                                           \
        out[i] = v < limit ? limit : v;                                                            \
      }                                                                                            \
    } else {                                                                                       \
      GK_VECTORIZE                                                                                 \
      for (int64_t i = 0; i < n; i++) {                                                            \
        const T v = low + (UNIT) * span;                                                           \
        out[i] = v > limit ? limit : v;                                                            \
      }                                                                                            \
    }                                                                                              \
  }
UNIFORM(32, float, (float)(int32_t)(w[i] >> 8) * 0x1p-24f)
UNIFORM(64, double, (double)(wide(w + 2 * i) >> 11) * 0x1p-53)

// ---- normal

// Natural logarithm of a positive normal number: exponent and mantissa m in [sqrt(1/2), sqrt(2)),
// log m = 2 artanh(s) with s = (m - 1) / (m + 1), by its series. ln 2 in two parts.
static inline float log32(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int32_t e = (int32_t)(bits - 0x3f3504f3u) >> 23;
  bits -= (uint32_t)e << 23;
  float m;
  memcpy(&m, &bits, sizeof m);
  const float k = (float)e, f = m - 1.0f, s = f / (2.0f + f), z = s * s;
  const float p = (((2.0f / 9 * z + 2.0f / 7) * z + 2.0f / 5) * z + 2.0f / 3) * z;
  return k * 0.693359375f + (f - (s * (f - p) - k * -2.12194440e-4f));
}

static inline double log64(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof bits);
  const int64_t e = (int64_t)(bits - 0x3fe6a09e667f3bcdu) >> 52;
  bits -= (uint64_t)e << 52;
  double m;
  memcpy(&m, &bits, sizeof m);
  const double k = (double)(int32_t)e, f = m - 1, s = f / (2 + f), z = s * s;
  double p = 2.0 / 21;
  p = p * z + 2.0 / 19;
  p = p * z + 2.0 / 17;
  p = p * z + 2.0 / 15;
  p = p * z + 2.0 / 13;
  p = p * z + 2.0 / 11;
  p = p * z + 2.0 / 9;
  p = p * z + 2.0 / 7;
  p = p * z + 2.0 / 5;
  p = p * z + 2.0 / 3;
  p = p * z;
  return k * 0x1.62e42feep-1 + (f - (s * (f - p) - k * 0x1.a39ef35793c76p-33));
}

// Sine and cosine by their series where |t| <= pi / 4; angle = t + quadrant * pi / 2.
#define TURN(bits, T, I)                                                                           \
  static inline void turn##bits(T sine, T cosine, I quadrant, T *s, T *c) {                        \
    const T x = quadrant & 1 ? cosine : sine, y = quadrant & 1 ? sine : cosine;                    \
    *s = quadrant & 2 ? -x : x;                                                                    \
    *c = (quadrant + 1) & 2 ? -y : y;                                                              \
  }
TURN(32, float, uint32_t)
TURN(64, double, uint64_t)

static inline void sincos32(uint32_t angle, float *s, float *c) {
  const uint32_t quadrant = (angle + 0x20000000u) >> 30;
  const float t = (float)(int32_t)(angle - (quadrant << 30)) * 0x1.921fb6p-30f, z = t * t;
  const float p = (((1.0f / 362880 * z - 1.0f / 5040) * z + 1.0f / 120) * z - 1.0f / 6) * z;
  const float q = (((-1.0f / 3628800 * z + 1.0f / 40320) * z - 1.0f / 720) * z + 1.0f / 24) * z;
  turn32(t + t * p, 1.0f - (0.5f * z - q * z), quadrant, s, c);
}

static inline void sincos64(uint64_t angle, double *s, double *c) {
  const uint64_t quadrant = (angle + 0x2000000000000000u) >> 62;
  // In [-2^61, 2^61); what does not fit into 53 bits is cut off.
  const int64_t part = (int64_t)(angle - (quadrant << 62)) >> 9;
  const double t = ((double)(uint64_t)(part + ((int64_t)1 << 52)) - 0x1p52) * 0x1.921fb54442d18p-53;
  const double z = t * t;
  double p = 1.0 / 355687428096000;
  p = p * z - 1.0 / 1307674368000;
  p = p * z + 1.0 / 6227020800;
  p = p * z - 1.0 / 39916800;
  p = p * z + 1.0 / 362880;
  p = p * z - 1.0 / 5040;
  p = p * z + 1.0 / 120;
  p = p * z - 1.0 / 6;
  double q = -1.0 / 6402373705728000;
  q = q * z + 1.0 / 20922789888000;
  q = q * z - 1.0 / 87178291200;
  q = q * z + 1.0 / 479001600;
  q = q * z - 1.0 / 3628800;
  q = q * z + 1.0 / 40320;
  q = q * z - 1.0 / 720;
  q = q * z + 1.0 / 24;
  q = q * z;
  turn64(t + t * (p * z), 1 - (0.5 * z - q * z), quadrant, s, c);
}

static void normal32(int64_t pairs, const uint32_t *w, float mean, float deviation, float *out) {
  GK_VECTORIZE
  for (int64_t i = 0; i < pairs; i++) {
    const float u = (float)((int32_t)(w[2 * i] >> 8) + 1) * 0x1p-24f;
    const float r = sqrtf(-2.0f * log32(u));
    float s, c;
    sincos32(w[2 * i + 1], &s, &c);
    out[2 * i] = mean + deviation * (r * c);
    out[2 * i + 1] = mean + deviation * (r * s);
  }
}

static void normal64(int64_t pairs, const uint32_t *w, double mean, double deviation, double *out) {
  GK_VECTORIZE
  for (int64_t i = 0; i < pairs; i++) {
    const double u = (double)((wide(w + 4 * i) >> 11) + 1) * 0x1p-53;
    const double r = sqrt(-2 * log64(u));
    double s, c;
    sincos64(wide(w + 4 * i + 2), &s, &c);
    out[2 * i] = mean + deviation * (r * c);
    out[2 * i + 1] = mean + deviation * (r * s);
  }
}

const gk_random_kernels GK_NAME(gk_random_table) = {words, uniform32, uniform64, normal32,
                                                    normal64};
