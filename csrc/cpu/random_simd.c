// Philox 4x32-10 and the loops that turn its words into uniform and normal numbers: see random.h.
// Plain C that compilers vectorise, but for the cipher, which spells out its lanes.
//
// Errors over all inputs, in units of the last place: root of the logarithm 1.1, sine 2.0, cosine 1.7
// (float; a normal is within 4 of its formula); logarithm 1.3, sine 0.8, cosine 1.0 (double).
#include <math.h>
#include <string.h>

#include "random.h"
#include "simd.h"

// Eight blocks side by side, a 32-bit word in each 64-bit lane: what a widening multiplication
// wants. The upper halves hold rubbish between rounds.
typedef uint64_t lanes __attribute__((vector_size(64)));
typedef uint64_t unaligned __attribute__((vector_size(64), aligned(4)));
#define LANES 8
#define LOW 0xffffffffu
#define INLINE static inline __attribute__((always_inline))

// The words of groups * 8 blocks from block `low` on, in their order. A round is a chain of
// dependent operations; several groups at once fill the time that it waits.
INLINE void cipher(int groups, uint64_t low, uint64_t high, uint64_t key, uint32_t *out) {
  const lanes steps = {0, 1, 2, 3, 4, 5, 6, 7}, zero = {0};
  lanes c[4][4];
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) {
    c[g][0] = steps + (low + (uint64_t)(LANES * g));
    c[g][1] = c[g][0] >> 32;
    c[g][2] = zero + (high & LOW);
    c[g][3] = zero + (high >> 32);
  }
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; round++) {
#pragma GCC unroll 4
    for (int g = 0; g < groups; g++) {
      const lanes p = (c[g][0] & LOW) * 0xD2511F53u, q = (c[g][2] & LOW) * 0xCD9E8D57u;
      c[g][0] = (q >> 32) ^ c[g][1] ^ k0;
      c[g][1] = q;
      c[g][2] = (p >> 32) ^ c[g][3] ^ k1;
      c[g][3] = p;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
#pragma GCC unroll 4
  for (int g = 0; g < groups; g++) {
    const lanes a = (c[g][0] & LOW) | (c[g][1] << 32), b = (c[g][2] & LOW) | (c[g][3] << 32);
    unaligned *to = (unaligned *)(void *)(out + 4 * LANES * g);
    to[0] = __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
    to[1] = __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  }
}

static void words(int64_t blocks, uint64_t low, uint64_t high, uint64_t key, uint32_t *out) {
  enum { MANY = 4 };
  for (; blocks >= MANY * LANES; blocks -= MANY * LANES, low += MANY * LANES) {
    cipher(MANY, low, high, key, out);
    out += 4 * MANY * LANES;
  }
  uint32_t next[4 * LANES];
  for (; blocks > 0; blocks -= LANES, low += LANES, out += 4 * LANES) {
    cipher(1, low, high, key, next);
    memcpy(out, next, blocks < LANES ? (size_t)blocks * 16 : sizeof next);
  }
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

// ---- whole numbers

static bool integers32(int64_t n, const uint32_t *w, uint32_t range, uint32_t low, uint32_t again,
                       uint32_t *out) {
  uint32_t any = 0;
  GK_VECTORIZE
  for (int64_t i = 0; i < n; i++) {
    const uint64_t product = (uint64_t)w[i] * range;
    out[i] = low + (uint32_t)(product >> 32);
    any |= (uint32_t)product < again;
  }
  return any;
}

static bool integers64(int64_t n, const uint32_t *w, uint32_t range, uint64_t low, uint64_t again,
                       uint64_t *out) {
  uint64_t any = 0;
  GK_VECTORIZE
  for (int64_t i = 0; i < n; i++) {
    const uint64_t lower = (uint64_t)w[2 * i] * range;
    const uint64_t upper = (uint64_t)w[2 * i + 1] * range + (lower >> 32);
    out[i] = low + (upper >> 32);
    any |= (upper << 32 | (lower & LOW)) < again;
  }
  return any;
}

// ---- normal

// Natural logarithm of a positive normal number: exponent and mantissa m in [sqrt(1/2), sqrt(2)),
// log m = 2 artanh(s) with s = (m - 1) / (m + 1), by its series. ln 2 in two parts.
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
static inline void turn64(double sine, double cosine, uint64_t quadrant, double *s, double *c) {
  const double x = quadrant & 1 ? cosine : sine, y = quadrant & 1 ? sine : cosine;
  *s = quadrant & 2 ? -x : x;
  *c = (quadrant + 1) & 2 ? -y : y;
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

// -2 log(n / 2^24): n = 2^e m with m in [sqrt(1/2), sqrt(2)), and log m = 2 artanh(s) with
// s = (m - 1) / (m + 1).
static inline float minus_two_log(float n) {
  uint32_t bits;
  memcpy(&bits, &n, sizeof bits);
  const uint32_t e = bits - (0x3f3504f3u + (24u << 23));
  bits = bits - (e & 0xff800000u) - (23u << 23); // of 2 m
  float m;
  memcpy(&m, &bits, sizeof m);
  const float k = (float)((int32_t)e >> 23);
  const float f = m - 2.0f, s = f / (f + 4.0f), z = s * s; // twice m - 1
  const float p = ((0x1.31e08p-1f * z + 0x1.995ed6p-1f) * z + 0x1.55557ap0f) * z;
  return k * -0x1.62e43p0f + (s * (f - p) - f);
}

static inline float with_sign(float x, uint32_t sign) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  bits ^= sign & 0x80000000u;
  memcpy(&x, &bits, sizeof x);
  return x;
}

static void normal32(int64_t pairs, const uint32_t *w, float mean, float deviation, float *out) {
  GK_VECTORIZE
  for (int64_t i = 0; i < pairs; i++) {
    const float u = (float)((int32_t)(w[2 * i] >> 8) + 1);
    const float r = deviation * sqrtf(minus_two_log(u));
    // The angle is t and the quarter turns that the upper two bits of `turn` count.
    const uint32_t angle = w[2 * i + 1], turn = angle + 0x20000000u;
    const float t = (float)((int32_t)(angle << 2) >> 8) * 0x1.921fb6p-24f, z = t * t;
    const float p = ((-0x1.995404p-13f * z + 0x1.110778p-7f) * z - 0x1.555546p-3f) * z;
    const float sine = p * t + t;
    const float cosine =
        (((0x1.99e83ap-16f * z - 0x1.6c0c28p-10f) * z + 0x1.55554ap-5f) * z - 0.5f) * z + 1.0f;
    const bool odd = turn & 0x40000000u;
    const float c = with_sign(odd ? sine : cosine, turn + 0x40000000u);
    const float s = with_sign(odd ? cosine : sine, turn);
    out[2 * i] = mean + r * c;
    out[2 * i + 1] = mean + r * s;
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

const gk_random_kernels GK_NAME(gk_random_table) = {words,    uniform32,  uniform64, normal32,
                                                    normal64, integers32, integers64};
