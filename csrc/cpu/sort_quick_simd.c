// Items by a vectorised quicksort, for AVX2 and AVX-512; elsewhere a radix sort is faster.
//
// A partition reads the items once: vectors are compressed in a register and stored whole, those
// below the pivot to one place, the others to another, of which one is where the items lie. What
// is left goes through a sorting network in registers. Where pivots turn out badly again and again,
// the radix sort takes over, so that the time is bounded.
#include <string.h>

#include "sort.h"
#include "simd.h"

#if GK_LEVEL < GK_LEVEL_avx2

const gk_quick_table GK_NAME(gk_quick_kernels_table) = {{0}, {0}};

#else

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 64")
#endif

// ---- vectors

#if GK_LEVEL == GK_LEVEL_avx512

#define BYTES 64
#define W32 16
#define W64 8
typedef __m512i raw;
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE(p, v) _mm512_storeu_si512(p, (raw)(v))
#define MIN32(a, b) ((v32)_mm512_min_epi32((raw)(a), (raw)(b)))
#define MAX32(a, b) ((v32)_mm512_max_epi32((raw)(a), (raw)(b)))
#define MIN64(a, b) ((v64)_mm512_min_epi64((raw)(a), (raw)(b)))
#define MAX64(a, b) ((v64)_mm512_max_epi64((raw)(a), (raw)(b)))
#define LANES32(f, x) /* f of every lane */                                                        \
  f(0, x), f(1, x), f(2, x), f(3, x), f(4, x), f(5, x), f(6, x), f(7, x), f(8, x), f(9, x),        \
      f(10, x), f(11, x), f(12, x), f(13, x), f(14, x), f(15, x)
#define LANES64(f, x) f(0, x), f(1, x), f(2, x), f(3, x), f(4, x), f(5, x), f(6, x), f(7, x)

#else

#define BYTES 32
#define W32 8
#define W64 4
typedef __m256i raw;
#define LOAD(p) _mm256_loadu_si256((const raw *)(p))
#define STORE(p, v) _mm256_storeu_si256((raw *)(p), (raw)(v))
#define MIN32(a, b) ((v32)_mm256_min_epi32((raw)(a), (raw)(b)))
#define MAX32(a, b) ((v32)_mm256_max_epi32((raw)(a), (raw)(b)))
#define CHOOSE64(a, b, c)                                                                          \
  ((v64)_mm256_castpd_si256(_mm256_blendv_pd(                                                      \
      _mm256_castsi256_pd((raw)(a)), _mm256_castsi256_pd((raw)(b)), _mm256_castsi256_pd(c))))
#define MIN64(a, b) CHOOSE64(a, b, _mm256_cmpgt_epi64((raw)(a), (raw)(b)))
#define MAX64(a, b) CHOOSE64(b, a, _mm256_cmpgt_epi64((raw)(a), (raw)(b)))
#define LANES32(f, x) f(0, x), f(1, x), f(2, x), f(3, x), f(4, x), f(5, x), f(6, x), f(7, x)
#define LANES64(f, x) f(0, x), f(1, x), f(2, x), f(3, x)

#endif

typedef int32_t v32 __attribute__((vector_size(BYTES)));
typedef int64_t v64 __attribute__((vector_size(BYTES)));

// ---- partitions

#if GK_LEVEL == GK_LEVEL_avx512

#define VALUES32(x) _mm512_set1_epi32(x)
#define VALUES64(x) _mm512_set1_epi64(x)
#define PARTITION_STEP(bits, v, valid, put)                                                        \
  do {                                                                                             \
    const unsigned is_low = _mm512_mask_cmplt_epi##bits##_mask(valid, v, pivots);                  \
    const unsigned is_high = (valid) & ~is_low;                                                    \
    const int count = __builtin_popcount(is_low);                                                  \
    put(bits, low, count, _mm512_maskz_compress_epi##bits(is_low, v));                             \
    put(bits, high, __builtin_popcount(is_high), _mm512_maskz_compress_epi##bits(is_high, v));     \
  } while (0)
#define PUT_WHOLE(bits, to, count, v) STORE(to, v), to += count
#define PUT_PART(bits, to, count, v)                                                               \
  _mm512_mask_storeu_epi##bits(to, (1u << (count)) - 1, v), to += count
#define PARTITION_VECTOR(bits)                                                                     \
  do {                                                                                             \
    const raw v = LOAD(items + i);                                                                 \
    PARTITION_STEP(bits, v, (1u << W##bits) - 1, PUT_WHOLE);                                       \
  } while (0)
#define PARTITION_REST(bits)                                                                       \
  do {                                                                                             \
    const unsigned valid = (1u << (n - i)) - 1;                                                    \
    const raw v = _mm512_maskz_loadu_epi##bits(valid, items + i);                                  \
    PARTITION_STEP(bits, v, valid, PUT_PART);                                                      \
  } while (0)

#else

// For every mask of eight lanes the numbers of those that are set, four bits each.
#define SET(m, i, rest) ((uint32_t)(rest) << 4 * ((m) >> i & 1) | i * ((m) >> i & 1))
#define ENTRY(m)                                                                                   \
  SET(m, 0u, SET(m, 1u, SET(m, 2u, SET(m, 3u, SET(m, 4u, SET(m, 5u, SET(m, 6u, SET(m, 7u, 0))))))))
#define ENTRIES4(m) ENTRY(m), ENTRY(m + 1), ENTRY(m + 2), ENTRY(m + 3)
#define ENTRIES16(m) ENTRIES4(m), ENTRIES4(m + 4), ENTRIES4(m + 8), ENTRIES4(m + 12)
#define ENTRIES64(m) ENTRIES16(m), ENTRIES16(m + 16), ENTRIES16(m + 32), ENTRIES16(m + 48)
static const uint32_t set_lanes[256] = {ENTRIES64(0), ENTRIES64(64), ENTRIES64(128),
                                        ENTRIES64(192)};

// The lanes of the mask (of 32 bits each) first.
INLINE raw compress(raw v, unsigned mask) {
  const raw shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
  return _mm256_permutevar8x32_epi32(
      v, _mm256_srlv_epi32(_mm256_set1_epi32((int)set_lanes[mask]), shifts));
}

#define VALUES32(x) _mm256_set1_epi32(x)
#define VALUES64(x) _mm256_set1_epi64x(x)
#define PARTITION_VECTOR(bits)                                                                     \
  do {                                                                                             \
    const raw v = LOAD(items + i);                                                                 \
    const unsigned is_low =                                                                        \
        (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi##bits(pivots, v)));      \
    const int count = __builtin_popcount(is_low) / (bits / 32);                                    \
    STORE(low, compress(v, is_low));                                                               \
    STORE(high, compress(v, is_low ^ 0xff));                                                       \
    low += count;                                                                                  \
    high += W##bits - count;                                                                       \
  } while (0)
#define PARTITION_REST(bits)                                                                       \
  for (; i < n; i++) {                                                                             \
    const int##bits##_t x = items[i];                                                              \
    const bool is_low = x < pivot;                                                                 \
    *(is_low ? low : high) = x;                                                                    \
    low += is_low;                                                                                 \
    high += !is_low;                                                                               \
  }

#endif

// A whole vector goes beyond the items that it puts, but never beyond those read so far.
#define PARTITION(bits)                                                                            \
  INLINE int64_t split_##bits(int64_t n, const int##bits##_t *items, int##bits##_t pivot,          \
                              int##bits##_t *low, int##bits##_t *high) {                           \
    const int##bits##_t *const begin = low;                                                        \
    const raw pivots = VALUES##bits(pivot);                                                        \
    int64_t i = 0;                                                                                 \
    for (; i + 4 * W##bits <= n; i += W##bits) {                                                   \
      PARTITION_VECTOR(bits);                                                                      \
      i += W##bits;                                                                                \
      PARTITION_VECTOR(bits);                                                                      \
      i += W##bits;                                                                                \
      PARTITION_VECTOR(bits);                                                                      \
      i += W##bits;                                                                                \
      PARTITION_VECTOR(bits);                                                                      \
    }                                                                                              \
    for (; i + W##bits <= n; i += W##bits) PARTITION_VECTOR(bits);                                 \
    if (i < n) PARTITION_REST(bits);                                                               \
    return low - begin;                                                                            \
  }                                                                                                \
  static int64_t partition_##bits(int64_t n, const void *items, const void *pivot, void *low,      \
                                  void *high) {                                                    \
    return split_##bits(n, items, *(const int##bits##_t *)pivot, low, high);                       \
  }

PARTITION(32)
PARTITION(64)

// ---- networks

// rows vectors are sorted column by column; then columns are merged, two, four, ... at a time, all
// of them as bitonic sequences of which only the first steps move between lanes; at last the
// matrix, sorted down the columns, is transposed.

#define SWAPPED(i, x) ((i) ^ (x))
#define UPPER32(i, x) ((i) & (x) ? (i) + W32 : (i))
#define UPPER64(i, x) ((i) & (x) ? (i) + W64 : (i))
#define FIRSTS(i, w) ((i) / 2 + (i) % 2 * (w))
#define LASTS(i, w) ((i) / 2 + (i) % 2 * (w) + (w) / 2)
#define SWAP(bits, v, x) __builtin_shufflevector(v, v, LANES##bits(SWAPPED, x))
#define BLEND(bits, a, b, x) __builtin_shufflevector(a, b, LANES##bits(UPPER##bits, x))

#define COMPARE(bits, a, b)                                                                        \
  do {                                                                                             \
    const v##bits least = MIN##bits(a, b);                                                         \
    b = MAX##bits(a, b);                                                                           \
    a = least;                                                                                     \
  } while (0)
// Lanes a distance apart.
#define ACROSS(bits, distance)                                                                     \
  UNROLL for (int i = 0; i < rows; i++) {                                                          \
    const v##bits other = SWAP(bits, v[i], distance);                                              \
    v[i] = BLEND(bits, MIN##bits(v[i], other), MAX##bits(v[i], other), distance);                  \
  }
// Sorted columns of `half` lanes with the reversed ones of their neighbours.
#define FLIP(bits, half)                                                                           \
  UNROLL for (int i = 0; i < rows / 2; i++) {                                                      \
    const v##bits a = v[i], b = v[rows - 1 - i];                                                   \
    const v##bits c = SWAP(bits, b, 2 * half - 1), d = SWAP(bits, a, 2 * half - 1);                \
    v[i] = BLEND(bits, MIN##bits(a, c), MAX##bits(a, c), half);                                    \
    v[rows - 1 - i] = BLEND(bits, MIN##bits(b, d), MAX##bits(b, d), half);                         \
  }
#define DOWN(bits)                                                                                 \
  UNROLL for (int j = rows / 2; j >= 1; j /= 2) {                                                  \
    UNROLL for (int i = 0; i < rows; i++) if (!(i & j)) COMPARE(bits, v[i], v[i + j]);             \
  }

#define MERGE_LANES32_8                                                                            \
  FLIP(32, 1)                                                                                      \
  DOWN(32) FLIP(32, 2) ACROSS(32, 1) DOWN(32) FLIP(32, 4) ACROSS(32, 2) ACROSS(32, 1) DOWN(32)
#define MERGE_LANES64_4 FLIP(64, 1) DOWN(64) FLIP(64, 2) ACROSS(64, 1) DOWN(64)
#if GK_LEVEL == GK_LEVEL_avx512
#define MERGE_LANES32 MERGE_LANES32_8 FLIP(32, 8) ACROSS(32, 4) ACROSS(32, 2) ACROSS(32, 1) DOWN(32)
#define MERGE_LANES64 MERGE_LANES64_4 FLIP(64, 4) ACROSS(64, 2) ACROSS(64, 1) DOWN(64)
#else
#define MERGE_LANES32 MERGE_LANES32_8
#define MERGE_LANES64 MERGE_LANES64_4
#endif

#define NETWORK(bits)                                                                              \
  INLINE void network_##bits(const int rows, v##bits *v) {                                         \
    /* Batcher's merge exchange */                                                                 \
    UNROLL for (int p = 1; p < rows; p *= 2) {                                                     \
      UNROLL for (int k = p; k >= 1; k /= 2) {                                                     \
        UNROLL for (int i = 0; i + k < rows; i++) {                                                \
          if (i >= k % p && (i - k % p) / k % 2 == 0 && i / (2 * p) == (i + k) / (2 * p))          \
            COMPARE(bits, v[i], v[i + k]);                                                         \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
    MERGE_LANES##bits UNROLL for (int step = 1; step < rows; step *= 2) {                          \
      v##bits t[16];                                                                               \
      UNROLL for (int i = 0; i < rows / 2; i++) {                                                  \
        t[2 * i] = __builtin_shufflevector(v[i], v[i + rows / 2], LANES##bits(FIRSTS, W##bits));   \
        t[2 * i + 1] =                                                                             \
            __builtin_shufflevector(v[i], v[i + rows / 2], LANES##bits(LASTS, W##bits));           \
      }                                                                                            \
      UNROLL for (int i = 0; i < rows; i++) v[i] = t[i];                                           \
    }                                                                                              \
  }

NETWORK(32)
NETWORK(64)

// n items, more than half of rows vectors unless rows is 2, filled up with the largest there is.
#if GK_LEVEL == GK_LEVEL_avx512
#define PART(bits, i)                                                                              \
  (unsigned)(n >= (i + 1) * W##bits ? -1 : n <= i * W##bits ? 0 : (1 << (n - i * W##bits)) - 1)
#define LOAD_PART(bits, i)                                                                         \
  (v##bits) _mm512_mask_loadu_epi##bits(VALUES##bits(INT##bits##_MAX), PART(bits, i),              \
                                        from + i * W##bits)
#define STORE_PART(bits, i) _mm512_mask_storeu_epi##bits(to + i * W##bits, PART(bits, i), (raw)v[i])
#else
#define LOAD_PART(bits, i) load_part_##bits(from + i * W##bits, n - i * W##bits)
#define STORE_PART(bits, i) store_part_##bits(to + i * W##bits, n - i * W##bits, v[i])
#define PARTS(bits)                                                                                \
  INLINE v##bits load_part_##bits(const int##bits##_t *from, int n) {                              \
    if (n >= W##bits) return (v##bits)LOAD(from);                                                  \
    int##bits##_t filled[W##bits];                                                                 \
    STORE(filled, VALUES##bits(INT##bits##_MAX));                                                  \
    for (int i = 0; i < n; i++) filled[i] = from[i];                                               \
    return (v##bits)LOAD(filled);                                                                  \
  }                                                                                                \
  INLINE void store_part_##bits(int##bits##_t *to, int n, v##bits v) {                             \
    if (n >= W##bits) {                                                                            \
      STORE(to, v);                                                                                \
      return;                                                                                      \
    }                                                                                              \
    int##bits##_t filled[W##bits];                                                                 \
    STORE(filled, v);                                                                              \
    for (int i = 0; i < n; i++) to[i] = filled[i];                                                 \
  }
PARTS(32)
PARTS(64)
#endif

#define SMALL(bits, rows)                                                                          \
  static __attribute__((noinline)) void small_##bits##_##rows(int n, const int##bits##_t *from,    \
                                                              int##bits##_t *to) {                 \
    v##bits v[16];                                                                                 \
    const int whole = rows == 2 ? 0 : rows / 2;                                                    \
    UNROLL for (int i = 0; i < whole; i++) v[i] = (v##bits)LOAD(from + i * W##bits);               \
    UNROLL for (int i = whole; i < rows; i++) v[i] = LOAD_PART(bits, i);                           \
    network_##bits(rows, v);                                                                       \
    UNROLL for (int i = 0; i < whole; i++) STORE(to + i * W##bits, v[i]);                          \
    UNROLL for (int i = whole; i < rows; i++) STORE_PART(bits, i);                                 \
  }

// ---- quicksort

#define LEAF(bits) (16 * W##bits)
#define SAMPLE 8 // vectors

#define QUICK(bits)                                                                                \
  SMALL(bits, 2)                                                                                   \
  SMALL(bits, 4)                                                                                   \
  SMALL(bits, 8)                                                                                   \
  SMALL(bits, 16)                                                                                  \
  static void small_##bits(int n, const int##bits##_t *from, int##bits##_t *to) {                  \
    if (n <= 2 * W##bits)                                                                          \
      small_##bits##_2(n, from, to);                                                               \
    else if (n <= 4 * W##bits)                                                                     \
      small_##bits##_4(n, from, to);                                                               \
    else if (n <= 8 * W##bits)                                                                     \
      small_##bits##_8(n, from, to);                                                               \
    else                                                                                           \
      small_##bits##_16(n, from, to);                                                              \
  }                                                                                                \
  static int##bits##_t pivot_of_##bits(int64_t n, const int##bits##_t *items) {                    \
    int##bits##_t sample[SAMPLE * W##bits];                                                        \
    const int count = (n > 1 << 14 ? 8 : n > 1 << 11 ? 4 : 2) * W##bits;                           \
    const int64_t step = n / count;                                                                \
    for (int i = 0; i < count; i++) sample[i] = items[i * step + step / 2];                        \
    small_##bits(count, sample, sample);                                                           \
    return sample[count / 2];                                                                      \
  }                                                                                                \
  /* Sorts n items into `other`, or in place; both are room for n. */                              \
  static void quick_##bits(int64_t n, int##bits##_t *items, int##bits##_t *other, bool to_other,   \
                           int depth) {                                                            \
    while (n > LEAF(bits)) {                                                                       \
      int##bits##_t *const to = to_other ? other : items;                                          \
      if (depth-- == 0) {                                                                          \
        int##bits##_t *sorted = gk_sort_radix(bits == 64, n, items, other, 0);                     \
        if (sorted != to) memcpy(to, sorted, (size_t)n * sizeof *to);                              \
        return;                                                                                    \
      }                                                                                            \
      /* The low ones go where they are to be sorted, the others to the other array. */            \
      int##bits##_t *const high = to_other ? items : other;                                        \
      const int##bits##_t pivot = pivot_of_##bits(n, items);                                       \
      int64_t below = split_##bits(n, items, pivot, to, high);                                     \
      if (below > 0) {                                                                             \
        quick_##bits(below, to, high + (n - below), false, depth);                                 \
      } else if (pivot == INT##bits##_MAX) { /* all are equal */                                   \
        memcpy(to, high, (size_t)n * sizeof *to);                                                  \
        return;                                                                                    \
      } else { /* the pivot is the least: all that equal it are done */                            \
        below = split_##bits(n, high, pivot + 1, to, high);                                        \
      }                                                                                            \
      n -= below;                                                                                  \
      items = high;                                                                                \
      other = to + below;                                                                          \
      to_other = true;                                                                             \
    }                                                                                              \
    small_##bits((int)n, items, to_other ? other : items);                                         \
  }                                                                                                \
  static void sort_##bits(int64_t n, void *items, void *other) {                                   \
    int depth = 8;                                                                                 \
    for (int64_t left = n; left > 1; left /= 2) depth += 2;                                        \
    quick_##bits(n, items, other, false, depth);                                                   \
  }

QUICK(32)
QUICK(64)

const gk_quick_table GK_NAME(gk_quick_kernels_table) = {{sort_32, sort_64},
                                                        {partition_32, partition_64}};

#endif
