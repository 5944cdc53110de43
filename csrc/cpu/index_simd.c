// Inner loops of indexing: see index.h.
#include "index.h"

#include <string.h>

#include "simd.h"

// Without a branch on the mask, which would be mispredicted every other time.
#define ONE_BY_ONE(T)                                                                              \
  for (; i < n && k < room; i++) {                                                                 \
    to[k] = x[i];                                                                                  \
    k += mask[i] != 0;                                                                             \
  }

#if GK_LEVEL == 3
#include <immintrin.h>

// Compressed in a register and stored whole, or up to `room` near its end: compressing into memory
// takes over a hundred cycles on Zen 4.
#define SELECT(T, lanes, lane, bits, chosen_lanes)                                                 \
  static int64_t select_##T(int64_t n, const uint8_t *restrict mask, const void *in, void *out,    \
                            int64_t room) {                                                        \
    const T *restrict x = in;                                                                      \
    T *restrict to = out;                                                                          \
    int64_t i = 0, k = 0;                                                                          \
    for (; i + lanes <= n && k < room; i += lanes) {                                               \
      const void *bytes = mask + i;                                                                \
      const bits chosen = (bits)chosen_lanes;                                                      \
      const __m512i packed = _mm512_maskz_compress_##lane(chosen, _mm512_loadu_si512(x + i));      \
      const int64_t found = __builtin_popcountll(chosen), left = room - k;                         \
      if (left >= lanes)                                                                           \
        _mm512_storeu_si512(to + k, packed);                                                       \
      else                                                                                         \
        _mm512_mask_storeu_##lane(to + k, (bits)(((uint64_t)1 << left) - 1), packed);              \
      k += found < left ? found : left;                                                            \
    }                                                                                              \
    ONE_BY_ONE(T)                                                                                  \
    return k;                                                                                      \
  }
#define NOT_ZERO(register, load) _##register##_test_epi8_mask(load(bytes), load(bytes))
SELECT(uint8_t, 64, epi8, __mmask64, NOT_ZERO(mm512, _mm512_loadu_si512))
SELECT(uint16_t, 32, epi16, __mmask32, NOT_ZERO(mm256, _mm256_loadu_si256))
SELECT(uint32_t, 16, epi32, __mmask16, NOT_ZERO(mm, _mm_loadu_si128))
SELECT(uint64_t, 8, epi64, __mmask8, NOT_ZERO(mm, _mm_loadl_epi64))
#else
#define SELECT(T)                                                                                  \
  static int64_t select_##T(int64_t n, const uint8_t *restrict mask, const void *in, void *out,    \
                            int64_t room) {                                                        \
    const T *restrict x = in;                                                                      \
    T *restrict to = out;                                                                          \
    int64_t i = 0, k = 0;                                                                          \
    ONE_BY_ONE(T)                                                                                  \
    return k;                                                                                      \
  }
SELECT(uint8_t)
SELECT(uint16_t)
SELECT(uint32_t)
SELECT(uint64_t)
#endif

typedef uint8_t byte_lanes __attribute__((vector_size(64)));

static int64_t count(int64_t n, const uint8_t *mask) {
  int64_t found = 0, i = 0;
  while (i + 64 <= n) {
    byte_lanes sums = {0}; // each holds up to 255
    const int64_t end = n - i < 255 * 64 ? n : i + 255 * 64;
    for (; i + 64 <= end; i += 64) {
      byte_lanes v;
      memcpy(&v, mask + i, sizeof v);
      sums -= (byte_lanes)(v != 0);
    }
    for (int lane = 0; lane < 64; lane++) found += sums[lane];
  }
  for (; i < n; i++) found += mask[i] != 0;
  return found;
}

// Where edges are even arithmetic gives the bin, or one beside it; whether it does is seen from its edges.
// The others are looked for, several at a time, so that their loads overlap; all of them where few of the
// first are where arithmetic says.
#define TOGETHER 16
#define SAMPLE 64
#define BIN(T)                                                                                     \
  static void find_bins_##T(int64_t n, const T *x, const T *edges, int64_t bins, int tables,       \
                            int64_t *counts) {                                                     \
    for (int64_t i = 0; i < n; i += TOGETHER) {                                                    \
      const int64_t lanes = n - i < TOGETHER ? n - i : TOGETHER;                                   \
      T v[TOGETHER];                                                                               \
      int64_t low[TOGETHER] = {0};                                                                 \
      for (int k = 0; k < TOGETHER; k++) v[k] = x[i + (k < lanes ? k : 0)];                        \
      for (int64_t width = bins - 1; width > 0; width /= 2) {                                      \
        const int64_t half = (width + 1) / 2;                                                      \
        GK_VECTORIZE for (int k = 0; k < TOGETHER; k++) low[k] +=                                  \
            edges[low[k] + half] <= v[k] ? half : 0;                                               \
      }                                                                                            \
      for (int k = 0; k < lanes; k++) counts[low[k] * tables + (k & (tables - 1))]++;              \
    }                                                                                              \
  }                                                                                                \
  static void bin_##T(int64_t n, const void *in, const void *of, int64_t bins, int tables,         \
                      int64_t *counts) {                                                           \
    const T *x = in, *edges = of, first = edges[0], last = edges[bins];                            \
    const T scale = (T)bins / (last - first);                                                      \
    const T most = (T)(bins - 1 < 1 << 24 ? bins - 1 : 1 << 24);                                   \
    int32_t guess[GK_INDEX_BLOCK];                                                                 \
    T missed[GK_INDEX_BLOCK];                                                                      \
    int64_t misses = 0;                                                                            \
    GK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                 \
      T place = (x[i] - first) * scale;                                                            \
      place = place > 0 ? place : 0;                                                               \
      guess[i] = (int32_t)(place < most ? place : most);                                           \
    }                                                                                              \
    int64_t hits = 0, within = 0;                                                                  \
    for (int64_t i = 0; i < n && i < SAMPLE; i++) {                                                \
      hits += (x[i] >= edges[guess[i]]) & (x[i] < edges[guess[i] + 1]);                            \
      within += (x[i] >= first) & (x[i] <= last);                                                  \
    }                                                                                              \
    if (hits * 8 >= within * 7) {                                                                  \
      for (int64_t i = 0; i < n; i++) {                                                            \
        const int64_t bin = guess[i];                                                              \
        if (x[i] >= edges[bin] && x[i] < edges[bin + 1])                                           \
          counts[bin * tables + (i & (tables - 1))]++;                                             \
        else if (x[i] >= first && x[i] <= last)                                                    \
          missed[misses++] = x[i];                                                                 \
      }                                                                                            \
    } else {                                                                                       \
      for (int64_t i = 0; i < n; i++) {                                                            \
        missed[misses] = x[i];                                                                     \
        misses += (x[i] >= first) & (x[i] <= last);                                                \
      }                                                                                            \
    }                                                                                              \
    find_bins_##T(misses, missed, edges, bins, tables, counts);                                    \
  }
BIN(float)
BIN(double)

const gk_index_kernels GK_NAME(gk_index_table) = {
    .select = {[1] = select_uint8_t,
               [2] = select_uint16_t,
               [4] = select_uint32_t,
               [8] = select_uint64_t},
    .count = count,
    .bin = {bin_float, bin_double},
};
