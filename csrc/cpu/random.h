// The contract between random.c and random_simd.c. Loops are written without fused operations, so
// that every instruction set gives the same bits.
#ifndef GK_CPU_RANDOM_H
#define GK_CPU_RANDOM_H

#include "cpu.h"

typedef struct gk_random_kernels {
  // `blocks` Philox 4x32-10 blocks: block b is the cipher of counter (low + b, high) under `key`,
  // the 128-bit counter being high:low; its 4 words to out[4 * b].
  void (*words)(int64_t blocks, uint64_t low, uint64_t high, uint64_t key, uint32_t *out);
  // n elements: low + u * span with u in [0, 1) of 24 bits from a word, or 53 bits from two, and
  // never beyond `limit`, which lies on the side that the sign of span says.
  void (*uniform32)(int64_t n, const uint32_t *words, float low, float span, float limit,
                    float *out);
  void (*uniform64)(int64_t n, const uint32_t *words, double low, double span, double limit,
                    double *out);
  // `pairs` pairs of elements: mean + deviation * r cos a and mean + deviation * r sin a, where
  // r = sqrt(-2 log u), u in (0, 1] of 24 (53) bits and the angle a of 26 (53) bits.
  void (*normal32)(int64_t pairs, const uint32_t *words, float mean, float deviation, float *out);
  void (*normal64)(int64_t pairs, const uint32_t *words, double mean, double deviation,
                   double *out);
  // n numbers low + floor(u * range), u in [0, 1) of 32 bits from a word, or 64 bits from two. Is there
  // one whose product has a fraction below `again` (of 32, 64 bits)?
  bool (*integers32)(int64_t n, const uint32_t *words, uint32_t range, uint32_t low, uint32_t again,
                     uint32_t *out);
  bool (*integers64)(int64_t n, const uint32_t *words, uint32_t range, uint64_t low, uint64_t again,
                     uint64_t *out);
} gk_random_kernels;

GK_KERNELS(gk_random_kernels, gk_random)

#endif
