// Elements to keys and back, items with places, filters and searches, for one instruction set.
#include "sort.h"
#include "simd.h"

#if GK_LEVEL >= GK_LEVEL_avx2
#include <immintrin.h>
#endif

// ---- keys

// Floats: a set sign bit turns the other bits around. What compares as a signed integer then orders as
// the float does; NaN has the bits of order->nan, beyond infinity in one direction. Keys of 8 and 16
// bits are made unsigned, so that all of them share their other bytes.
#define WIDENED(bits, k) (bits < 32 ? (int32_t)((k) ^ ((word)1 << (bits - 1))) : (int##bits##_t)(k))
#define KEYS(bits, key_bits)                                                                       \
  static void to_keys_##bits(int64_t n, const void *in, void *keys, const gk_sort_order *order) {  \
    typedef uint##bits##_t word;                                                                   \
    const word *from = in, flip = (word)order->flip, infinity = (word)order->infinity;             \
    int##key_bits##_t *to = keys;                                                                  \
    if (!infinity) {                                                                               \
      GK_VECTORIZE for (int64_t i = 0; i < n; i++) to[i] = WIDENED(bits, (word)(from[i] ^ flip));  \
      return;                                                                                      \
    }                                                                                              \
    const word sign = (word)((word)1 << (bits - 1)), rest = (word)~sign, nan = (word)order->nan;   \
    const word zero = order->equal_zeros ? sign : 0;                                               \
    GK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                 \
      word x = (word)(from[i] ^ flip);                                                             \
      x = (word)(x & rest) > infinity ? nan : x;                                                   \
      x = x == zero ? 0 : x;                                                                       \
      word turn = (word)((int##bits##_t)x >> (bits - 1));                                          \
      to[i] = WIDENED(bits, (word)(x ^ (turn & rest)));                                            \
    }                                                                                              \
  }                                                                                                \
  static void from_keys_##bits(int64_t n, const void *keys, void *out,                             \
                               const gk_sort_order *order) {                                       \
    typedef uint##bits##_t word;                                                                   \
    const int##key_bits##_t *from = keys;                                                          \
    word *to = out, flip = (word)order->flip, infinity = (word)order->infinity;                    \
    const word bias = bits < 32 ? (word)((word)1 << (bits - 1)) : 0;                               \
    if (!infinity) {                                                                               \
      GK_VECTORIZE for (int64_t i = 0; i < n; i++) to[i] = (word)(from[i] ^ bias ^ flip);          \
      return;                                                                                      \
    }                                                                                              \
    const word rest = (word) ~(word)((word)1 << (bits - 1));                                       \
    GK_VECTORIZE for (int64_t i = 0; i < n; i++) {                                                 \
      word x = (word)((word)from[i] ^ bias);                                                       \
      word turn = (word)((int##bits##_t)x >> (bits - 1));                                          \
      x = (word)(x ^ (turn & rest));                                                               \
      to[i] = (word)(x & rest) > infinity ? x : (word)(x ^ flip);                                  \
    }                                                                                              \
  }

KEYS(8, 32)
KEYS(16, 32)
KEYS(32, 32)
KEYS(64, 64)

// ---- places

static void pack(int64_t n, const int32_t *keys, int64_t *items, int64_t first) {
  uint64_t *to = (uint64_t *)items;
  GK_VECTORIZE for (int64_t i = 0; i < n; i++) to[i] =
      (uint64_t)(uint32_t)keys[i] << 32 | (uint32_t)(first + i);
}

static void pack_wide(int64_t n, const int64_t *keys, uint64_t least, int shift, int place_bits,
                      int64_t *items, int64_t first) {
  const uint64_t sign = (uint64_t)1 << 63; // of numbers from 0 on those with the order of items
  uint64_t *to = (uint64_t *)items;
  GK_VECTORIZE for (int64_t i = 0; i < n; i++) {
    const uint64_t high = ((uint64_t)keys[i] - least) >> shift;
    to[i] = (high << place_bits | (uint64_t)(first + i)) ^ sign;
  }
}

static void places(int64_t n, const int64_t *items, int place_bits, int64_t *out) {
  const int64_t mask = ((int64_t)1 << place_bits) - 1;
  GK_VECTORIZE for (int64_t i = 0; i < n; i++) out[i] = items[i] & mask;
}

static void range(int64_t n, const int64_t *keys, int64_t *least, int64_t *most) {
  int64_t low = *least, high = *most;
  for (int64_t i = 0; i < n; i++) {
    low = keys[i] < low ? keys[i] : low;
    high = keys[i] > high ? keys[i] : high;
  }
  *least = low;
  *most = high;
}

// ---- filters

#if GK_LEVEL == GK_LEVEL_avx512
#define LANES32 16
#define LANES64 8
#define UP_TO32(p, v) _mm512_cmple_epi32_mask(_mm512_loadu_si512(p), v)
#define UP_TO64(p, v) _mm512_cmple_epi64_mask(_mm512_loadu_si512(p), v)
#define VECTOR32 __m512i
#define ALL32(x) _mm512_set1_epi32(x)
#define ALL64(x) _mm512_set1_epi64(x)
#elif GK_LEVEL == GK_LEVEL_avx2
#define LANES32 8
#define LANES64 4
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define UP_TO32(p, v)                                                                              \
  (0xff ^ _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(LOAD(p), v))))
#define UP_TO64(p, v)                                                                              \
  (0xf ^ _mm256_movemask_pd(_mm256_castsi256_pd(_mm256_cmpgt_epi64(LOAD(p), v))))
#define VECTOR32 __m256i
#define ALL32(x) _mm256_set1_epi32(x)
#define ALL64(x) _mm256_set1_epi64x(x)
#endif

#if defined(VECTOR32)
#define FILTER_VECTORS(bits)                                                                       \
  const VECTOR32 most = ALL##bits(limit);                                                          \
  for (; i + LANES##bits <= n; i += LANES##bits) {                                                 \
    for (unsigned mask = UP_TO##bits(from + i, most); mask; mask &= mask - 1) {                    \
      const int64_t at = i + __builtin_ctz(mask);                                                  \
      to[count] = from[at];                                                                        \
      place[count++] = first + at;                                                                 \
    }                                                                                              \
  }
#else
#define FILTER_VECTORS(bits)
#endif

#define FILTER(bits)                                                                               \
  static int64_t filter_##bits(int64_t n, const void *keys, const void *up_to, int64_t first,      \
                               void *kept, int64_t *place) {                                       \
    const int##bits##_t *from = keys, limit = *(const int##bits##_t *)up_to;                       \
    int##bits##_t *to = kept;                                                                      \
    int64_t count = 0, i = 0;                                                                      \
    FILTER_VECTORS(bits)                                                                           \
    for (; i < n; i++) {                                                                           \
      to[count] = from[i];                                                                         \
      place[count] = first + i;                                                                    \
      count += from[i] <= limit;                                                                   \
    }                                                                                              \
    return count;                                                                                  \
  }

FILTER(32)
FILTER(64)

// ---- searches

// Halves the range of several values at a time, so that their cache misses overlap. Values that
// ascend begin where the ones before ended.
#define TOGETHER 16
#define SEARCH(bits)                                                                               \
  static inline bool is_before_##bits(int##bits##_t key, int##bits##_t x, bool right) {            \
    return (key < x) | (right & (key == x));                                                       \
  }                                                                                                \
  static void search_##bits(int64_t n, const void *keys, int64_t m, const void *values,            \
                            bool right, int64_t *out) {                                            \
    const int##bits##_t *from = keys, *value = values;                                             \
    for (int64_t i = 0; i < m; i += TOGETHER) {                                                    \
      const int64_t lanes = m - i < TOGETHER ? m - i : TOGETHER;                                   \
      int##bits##_t x[TOGETHER];                                                                   \
      int64_t low[TOGETHER], begin = 0, width = n;                                                 \
      bool ascends = i > 0 && value[i - 1] <= value[i];                                            \
      for (int j = 0; j < TOGETHER; j++) x[j] = value[i + (j < lanes ? j : lanes - 1)];            \
      for (int j = 1; j < TOGETHER; j++) ascends &= x[j - 1] <= x[j];                              \
      if (ascends) {                                                                               \
        begin = out[i - 1];                                                                        \
        for (width = TOGETHER; begin + width < n; width *= 2)                                      \
          if (!is_before_##bits(from[begin + width - 1], x[TOGETHER - 1], right)) break;           \
        if (begin + width > n) width = n - begin;                                                  \
      }                                                                                            \
      for (int j = 0; j < TOGETHER; j++) low[j] = begin;                                           \
      for (; width > 0; width /= 2) {                                                              \
        const int64_t half = (width + 1) / 2;                                                      \
        GK_VECTORIZE for (int j = 0; j < TOGETHER; j++) low[j] +=                                  \
            is_before_##bits(from[low[j] + half - 1], x[j], right) ? half : 0;                     \
      }                                                                                            \
      for (int j = 0; j < lanes; j++) out[i + j] = low[j];                                         \
    }                                                                                              \
  }

SEARCH(32)
SEARCH(64)

const gk_sort_table GK_NAME(gk_sort_kernels_table) = {
    {to_keys_8, to_keys_16, to_keys_32, to_keys_64},
    {from_keys_8, from_keys_16, from_keys_32, from_keys_64},
    pack,
    pack_wide,
    places,
    range,
    {filter_32, filter_64},
    {search_32, search_64},
};
