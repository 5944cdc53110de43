// Philox 4x32-10 and the loops that turn its words into uniform and normal numbers: see random.h.
// Plain C that compilers vectorise, but for the cipher, which spells out its lanes.
#include <string.h>

#include "../core/box_muller.h"
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

static void normal32(int64_t pairs, const uint32_t *w, float mean, float deviation, float *out) {
  GK_VECTORIZE
  for (int64_t i = 0; i < pairs; i++)
    gk_box_muller32(w[2 * i], w[2 * i + 1], mean, deviation, out + 2 * i);
}

static void normal64(int64_t pairs, const uint32_t *w, double mean, double deviation, double *out) {
  GK_VECTORIZE
  for (int64_t i = 0; i < pairs; i++)
    gk_box_muller64(wide(w + 4 * i), wide(w + 4 * i + 2), mean, deviation, out + 2 * i);
}

const gk_random_kernels GK_NAME(gk_random_table) = {words,    uniform32,  uniform64, normal32,
                                                    normal64, integers32, integers64};
