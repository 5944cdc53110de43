// Inner loops of the reductions: see reduce.h. Integer folds are plain loops that compilers
// vectorise; floating sums, minima and maxima spell out their lanes, since their order matters.
#include <math.h>
#include <string.h>

#include "reduce.h"
#include "simd.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

// Elements whose float lanes are summed before they go into a double.
#define SUM_BLOCK 1024
// Elements between two looks at whether `any` or `all` is decided.
#define STOP_BLOCK 4096

// Column loops touch each accumulator once: unrolling them gains nothing but bytes.
#if defined(__clang__)
#define ACROSS GK_VECTORIZE _Pragma("clang loop interleave_count(1) unroll(disable)")
#else
#define ACROSS GK_VECTORIZE
#endif

#define KERNEL(name)                                                                               \
  static void name(int64_t rows, int64_t cols, const void *data, int64_t stride, void *out)

// ---- folds in which an element v meets an accumulator a; DONE(a): nothing can change any more

#define FOLD_ROW(kind, name, T, A, STEP, DONE)                                                     \
  KERNEL(kind##_row_##name) {                                                                      \
    A *acc = out;                                                                                  \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const T *p = (const T *)data + r * stride;                                                   \
      A a = acc[r];                                                                                \
      for (int64_t begin = 0; begin < cols && !(DONE); begin += STOP_BLOCK) {                      \
        const int64_t end = cols - begin < STOP_BLOCK ? cols : begin + STOP_BLOCK;                 \
        for (int64_t c = begin; c < end; c++) {                                                    \
          const T v = p[c];                                                                        \
          a = (STEP);                                                                              \
        }                                                                                          \
      }                                                                                            \
      acc[r] = a;                                                                                  \
    }                                                                                              \
  }

// Four rows at a time, since accumulators are loaded and stored for each.
#define FOLD_COLUMN(kind, name, T, A, STEP)                                                        \
  KERNEL(kind##_column_##name) {                                                                   \
    A *restrict acc = out;                                                                         \
    int64_t r = 0;                                                                                 \
    for (; r + 4 <= rows; r += 4) {                                                                \
      const T *restrict p = (const T *)data + r * stride;                                          \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) {                                                         \
        A a = acc[c];                                                                              \
        T v = p[c];                                                                                \
        a = (STEP);                                                                                \
        v = p[c + stride];                                                                         \
        a = (STEP);                                                                                \
        v = p[c + 2 * stride];                                                                     \
        a = (STEP);                                                                                \
        v = p[c + 3 * stride];                                                                     \
        acc[c] = (STEP);                                                                           \
      }                                                                                            \
    }                                                                                              \
    for (; r < rows; r++) {                                                                        \
      const T *restrict p = (const T *)data + r * stride;                                          \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) {                                                         \
        const T v = p[c];                                                                          \
        const A a = acc[c];                                                                        \
        acc[c] = (STEP);                                                                           \
      }                                                                                            \
    }                                                                                              \
  }

#define FOLD(kind, name, T, A, STEP, DONE)                                                         \
  FOLD_ROW(kind, name, T, A, STEP, DONE) FOLD_COLUMN(kind, name, T, A, STEP)

#define INTEGERS(X)                                                                                \
  X(int8, int8_t)                                                                                  \
  X(uint8, uint8_t)                                                                                \
  X(int16, int16_t)                                                                                \
  X(uint16, uint16_t)                                                                              \
  X(int32, int32_t)                                                                                \
  X(uint32, uint32_t)                                                                              \
  X(int64, int64_t)                                                                                \
  X(uint64, uint64_t)

#define INTEGER_FOLDS(name, T)                                                                     \
  FOLD(sum, name, T, uint64_t, a + (uint64_t)v, 0)                                                 \
  FOLD(prod, name, T, uint64_t, a *(uint64_t)v, 0)                                                 \
  FOLD(min, name, T, T, v < a ? v : a, 0)                                                          \
  FOLD(max, name, T, T, v > a ? v : a, 0)
INTEGERS(INTEGER_FOLDS)
FOLD(sum, truth, uint8_t, uint64_t, a + (v != 0), 0)
FOLD(prod, truth, uint8_t, uint64_t, a *(v != 0), 0)

// Truth of elements by size; the mask leaves out the sign of a floating zero.
#define TRUTH_FOLDS(name, T, mask)                                                                 \
  FOLD(any, name, T, uint8_t, (uint8_t)(a | ((v & (mask)) != 0)), a)                               \
  FOLD(all, name, T, uint8_t, (uint8_t)(a & ((v & (mask)) != 0)), !a)
TRUTH_FOLDS(integer8, uint8_t, 0xff)
TRUTH_FOLDS(integer16, uint16_t, 0xffff)
TRUTH_FOLDS(integer32, uint32_t, 0xffffffffu)
TRUTH_FOLDS(integer64, uint64_t, ~UINT64_C(0))
TRUTH_FOLDS(floating16, uint16_t, 0x7fff)
TRUTH_FOLDS(floating32, uint32_t, 0x7fffffffu)
TRUTH_FOLDS(floating64, uint64_t, UINT64_C(0x7fffffffffffffff))
TRUTH_FOLDS(complexes, uint64_t, UINT64_C(0x7fffffff7fffffff))

// ---- floating sums

// s + b with what the rounding loses gathered in *lost.
static inline double add_kept(double s, double b, double *lost) {
  const double t = s + b;
  *lost += fabs(s) >= fabs(b) ? (s - t) + b : (b - t) + s;
  return t;
}

// A block is summed in LANES lanes of trees of four elements, then in double: fewer roundings than a
// pairwise sum has. What is left is summed in the same lanes, folded to GROUP = LANES / 4 of
// them, the last few elements through a mask (a buffer would stall on its own stores).
#define FLOAT_SUM(name, T, I, LANES)                                                               \
  enum {                                                                                           \
    name##_width = VECTOR_BYTES / (int)sizeof(T),                                                  \
    name##_group = LANES / 4,                                                                      \
    name##_vectors = LANES / name##_width                                                          \
  };                                                                                               \
  typedef T name##_vector __attribute__((vector_size(VECTOR_BYTES)));                              \
  typedef I name##_mask __attribute__((vector_size(VECTOR_BYTES)));                                \
  static inline name##_vector name##_load(const T *p) {                                            \
    name##_vector v;                                                                               \
    memcpy(&v, p, sizeof v);                                                                       \
    return v;                                                                                      \
  }                                                                                                \
  static inline double name##_across(int lanes, const name##_vector *a) {                          \
    T lane[LANES];                                                                                 \
    memcpy(lane, a, (size_t)lanes * sizeof(T));                                                    \
    double d[LANES / 2];                                                                           \
    for (int j = 0; j < lanes / 2; j++) d[j] = (double)lane[j] + (double)lane[j + lanes / 2];      \
    for (int h = lanes / 4; h; h /= 2)                                                             \
      for (int j = 0; j < h; j++) d[j] += d[j + h];                                                \
    return d[0];                                                                                   \
  }                                                                                                \
  static inline void name##_fours(name##_vector *a, const T *x) {                                  \
    for (int j = 0; j < name##_vectors; j++) {                                                     \
      const T *p = x + j * name##_width;                                                           \
      a[j] += (name##_load(p) + name##_load(p + LANES)) +                                          \
              (name##_load(p + 2 * LANES) + name##_load(p + 3 * LANES));                           \
    }                                                                                              \
  }                                                                                                \
  static inline double name##_block(const T *x) {                                                  \
    name##_vector a[name##_vectors] = {0};                                                         \
    for (int i = 0; i < SUM_BLOCK; i += 4 * LANES) name##_fours(a, x + i);                         \
    return name##_across(LANES, a);                                                                \
  }                                                                                                \
  static inline double name##_tail(int64_t n, const T *x) {                                        \
    enum { lanes = name##_group, vectors = lanes / name##_width };                                 \
    if (n < lanes) {                                                                               \
      double s = 0, t = 0;                                                                         \
      for (int64_t i = 0; i + 1 < n; i += 2) s += (double)x[i], t += (double)x[i + 1];             \
      return s + t + (n & 1 ? (double)x[n - 1] : 0);                                               \
    }                                                                                              \
    name##_vector a[name##_vectors] = {0};                                                         \
    if (n >= LANES) {                                                                              \
      for (; n >= 4 * LANES; n -= 4 * LANES, x += 4 * LANES) name##_fours(a, x);                   \
      for (; n >= LANES; n -= LANES, x += LANES)                                                   \
        for (int j = 0; j < name##_vectors; j++) a[j] += name##_load(x + j * name##_width);        \
      for (int j = 0; j < vectors; j++)                                                            \
        a[j] = (a[j] + a[j + vectors]) + (a[j + 2 * vectors] + a[j + 3 * vectors]);                \
    }                                                                                              \
    for (; n >= lanes; n -= lanes, x += lanes)                                                     \
      for (int j = 0; j < vectors; j++) a[j] += name##_load(x + j * name##_width);                 \
    for (int j = 0; n && j < vectors; j++) {                                                       \
      name##_mask keep;                                                                            \
      memcpy(&keep, name##_last + n + j * name##_width, sizeof keep);                              \
      keep &= (name##_mask)name##_load(x + n - lanes + j * name##_width);                          \
      a[j] += (name##_vector)keep;                                                                 \
    }                                                                                              \
    return name##_across(lanes, a);                                                                \
  }                                                                                                \
  KERNEL(sum_row_##name) {                                                                         \
    double *acc = out;                                                                             \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const T *p = (const T *)data + r * stride;                                                   \
      double s = acc[r], lost = 0;                                                                 \
      int64_t n = cols;                                                                            \
      for (; n >= SUM_BLOCK; n -= SUM_BLOCK, p += SUM_BLOCK)                                       \
        s = add_kept(s, name##_block(p), &lost);                                                   \
      if (n) s = add_kept(s, name##_tail(n, p), &lost);                                            \
      acc[r] = lost - lost == 0 ? s + lost : s; /* lost is no number once s is infinite */         \
    }                                                                                              \
  }                                                                                                \
  KERNEL(sum_column_##name) {                                                                      \
    double *restrict acc = out;                                                                    \
    const int64_t s = stride;                                                                      \
    int64_t r = 0;                                                                                 \
    for (; r + 8 <= rows; r += 8) {                                                                \
      const T *restrict p = (const T *)data + r * s;                                               \
      const T *restrict q = p + 4 * s;                                                             \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++)                                                           \
        acc[c] += (double)(((p[c] + p[c + s]) + (p[c + 2 * s] + p[c + 3 * s])) +                   \
                           ((q[c] + q[c + s]) + (q[c + 2 * s] + q[c + 3 * s])));                   \
    }                                                                                              \
    for (; r < rows; r++) {                                                                        \
      const T *restrict p = (const T *)data + r * s;                                               \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) acc[c] += (double)p[c];                                   \
    }                                                                                              \
  }
#define ZEROS8 0, 0, 0, 0, 0, 0, 0, 0
#define ONES8 -1, -1, -1, -1, -1, -1, -1, -1
static const int32_t float32_last[32] = {ZEROS8, ZEROS8, ONES8, ONES8};
static const int64_t float64_last[16] = {ZEROS8, ONES8};
FLOAT_SUM(float32, float, int32_t, 64)
FLOAT_SUM(float64, double, int64_t, 32)

// ---- floating products: double lanes

#define FLOAT_PROD(name, T)                                                                        \
  KERNEL(prod_row_##name) {                                                                        \
    double *acc = out;                                                                             \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const T *p = (const T *)data + r * stride;                                                   \
      double a[16];                                                                                \
      for (int j = 0; j < 16; j++) a[j] = 1;                                                       \
      int64_t c = 0;                                                                               \
      for (; c + 16 <= cols; c += 16)                                                              \
        for (int j = 0; j < 16; j++) a[j] *= (double)p[c + j];                                     \
      for (; c < cols; c++) a[0] *= (double)p[c];                                                  \
      for (int h = 8; h; h /= 2)                                                                   \
        for (int j = 0; j < h; j++) a[j] *= a[j + h];                                              \
      acc[r] *= a[0];                                                                              \
    }                                                                                              \
  }                                                                                                \
  FOLD_COLUMN(prod, name, T, double, a *(double)v)
FLOAT_PROD(float32, float)
FLOAT_PROD(float64, double)

// ---- floating minima and maxima; a NaN wins over everything

#define FLOAT_EXTREME(kind, name, T, I, BEATS)                                                     \
  static inline T kind##_of_##name(int64_t n, const T *x, T start) {                               \
    typedef I mask __attribute__((vector_size(VECTOR_BYTES)));                                     \
    enum { vectors = 256 / VECTOR_BYTES, lanes = 256 / (int)sizeof(T) };                           \
    name##_vector best[vectors];                                                                   \
    mask nan[vectors];                                                                             \
    T a = start;                                                                                   \
    int64_t i = 0;                                                                                 \
    if (n >= 2 * lanes) {                                                                          \
      for (int j = 0; j < vectors; j++) {                                                          \
        best[j] = name##_load(x + j * name##_width);                                               \
        nan[j] = (mask)(best[j] != best[j]);                                                       \
      }                                                                                            \
      for (i = lanes; i + lanes <= n; i += lanes)                                                  \
        for (int j = 0; j < vectors; j++) {                                                        \
          const name##_vector v = name##_load(x + i + j * name##_width);                           \
          const mask take = (mask)(v BEATS best[j]);                                               \
          best[j] = (name##_vector)((take & (mask)v) | (~take & (mask)best[j]));                   \
          nan[j] |= (mask)(v != v);                                                                \
        }                                                                                          \
      T value[lanes];                                                                              \
      I bad[lanes];                                                                                \
      memcpy(value, best, sizeof value);                                                           \
      memcpy(bad, nan, sizeof bad);                                                                \
      I any = 0;                                                                                   \
      for (int j = 0; j < lanes; j++) {                                                            \
        any |= bad[j];                                                                             \
        a = value[j] BEATS a ? value[j] : a;                                                       \
      }                                                                                            \
      if (any) return start != start ? start : (T)NAN;                                             \
    }                                                                                              \
    for (; i < n; i++) a = ((x[i] BEATS a) | (x[i] != x[i])) ? x[i] : a;                           \
    return a;                                                                                      \
  }                                                                                                \
  KERNEL(kind##_row_##name) {                                                                      \
    T *acc = out;                                                                                  \
    for (int64_t r = 0; r < rows; r++)                                                             \
      acc[r] = kind##_of_##name(cols, (const T *)data + r * stride, acc[r]);                       \
  }                                                                                                \
  FOLD_COLUMN(kind, name, T, T, ((v BEATS a) | (v != v)) ? v : a)
FLOAT_EXTREME(min, float32, float, int32_t, <)
FLOAT_EXTREME(max, float32, float, int32_t, >)
FLOAT_EXTREME(min, float64, double, int64_t, <)
FLOAT_EXTREME(max, float64, double, int64_t, >)

#define INTEGER_EXTREME(name, T)                                                                   \
  static inline T min_of_##name(int64_t n, const T *x, T a) {                                      \
    for (int64_t i = 0; i < n; i++) a = x[i] < a ? x[i] : a;                                       \
    return a;                                                                                      \
  }                                                                                                \
  static inline T max_of_##name(int64_t n, const T *x, T a) {                                      \
    for (int64_t i = 0; i < n; i++) a = x[i] > a ? x[i] : a;                                       \
    return a;                                                                                      \
  }
INTEGERS(INTEGER_EXTREME)

// ---- places of extremes

#define NEVER(v) ((void)(v), 0)
#define IS_NAN(v) ((v) != (v))

// Extreme of a block first; only a block that beats all before it is searched.
#define PLACE_ROW(kind, name, T, BEATS, NAN_TEST)                                                  \
  static void kind##_place_row_##name(int64_t rows, int64_t cols, const void *data,                \
                                      int64_t stride, int64_t base, void *value, void *place) {    \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const T *p = (const T *)data + r * stride;                                                   \
      T best = ((T *)value)[r];                                                                    \
      for (int64_t begin = 0; begin < cols && !NAN_TEST(best); begin += SUM_BLOCK) {               \
        const int64_t n = cols - begin < SUM_BLOCK ? cols - begin : SUM_BLOCK;                     \
        const T *x = p + begin;                                                                    \
        const T v = kind##_of_##name(n, x, best);                                                  \
        const int v_nan = NAN_TEST(v);                                                             \
        if (!(v BEATS best) && !v_nan) continue;                                                   \
        int64_t i = 0;                                                                             \
        for (; i + 64 <= n; i += 64) {                                                             \
          int found = 0;                                                                           \
          for (int j = 0; j < 64; j++) found |= (x[i + j] == v) | (v_nan & NAN_TEST(x[i + j]));    \
          if (found) break;                                                                        \
        }                                                                                          \
        while (!(x[i] == v || (v_nan && NAN_TEST(x[i])))) i++;                                     \
        best = v;                                                                                  \
        ((int64_t *)place)[r] = base + begin + i;                                                  \
      }                                                                                            \
      ((T *)value)[r] = best;                                                                      \
    }                                                                                              \
  }

#define PLACE_COLUMN(kind, name, T, I, BEATS, NAN_TEST)                                            \
  static void kind##_place_column_##name(int64_t rows, int64_t cols, const void *data,             \
                                         int64_t stride, int64_t base, void *value, void *place) { \
    T *restrict best = value;                                                                      \
    I *restrict at = place;                                                                        \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const T *restrict p = (const T *)data + r * stride;                                          \
      const I here = (I)(base + r);                                                                \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) {                                                         \
        const T v = p[c], b = best[c];                                                             \
        const int take = (v BEATS b) | (NAN_TEST(v) & !NAN_TEST(b));                               \
        best[c] = take ? v : b;                                                                    \
        at[c] = take ? here : at[c];                                                               \
      }                                                                                            \
    }                                                                                              \
  }

#define INTEGER_PLACES(name, T) PLACE_ROW(min, name, T, <, NEVER) PLACE_ROW(max, name, T, >, NEVER)
INTEGERS(INTEGER_PLACES)
#define WIDE_PLACES(name, T, I)                                                                    \
  PLACE_COLUMN(min, name, T, I, <, NEVER) PLACE_COLUMN(max, name, T, I, >, NEVER)
WIDE_PLACES(int32, int32_t, int32_t)
WIDE_PLACES(uint32, uint32_t, int32_t)
WIDE_PLACES(int64, int64_t, int64_t)
WIDE_PLACES(uint64, uint64_t, int64_t)
#define FLOAT_PLACES(name, T, I)                                                                   \
  PLACE_ROW(min, name, T, <, IS_NAN)                                                               \
  PLACE_ROW(max, name, T, >, IS_NAN)                                                               \
  PLACE_COLUMN(min, name, T, I, <, IS_NAN)                                                         \
  PLACE_COLUMN(max, name, T, I, >, IS_NAN)
FLOAT_PLACES(float32, float, int32_t)
FLOAT_PLACES(float64, double, int64_t)

// ---- the table

#define PAIR(kind, name) {kind##_row_##name, kind##_column_##name}
#define NUMERIC(kind)                                                                              \
  [GK_int8] = PAIR(kind, int8), [GK_uint8] = PAIR(kind, uint8), [GK_int16] = PAIR(kind, int16),    \
  [GK_uint16] = PAIR(kind, uint16), [GK_int32] = PAIR(kind, int32),                                \
  [GK_uint32] = PAIR(kind, uint32), [GK_int64] = PAIR(kind, int64),                                \
  [GK_uint64] = PAIR(kind, uint64), [GK_float32] = PAIR(kind, float32),                            \
  [GK_float64] = PAIR(kind, float64)
#define TRUTH(kind)                                                                                \
  [GK_bool] = PAIR(kind, integer8), [GK_int8] = PAIR(kind, integer8),                              \
  [GK_uint8] = PAIR(kind, integer8), [GK_int16] = PAIR(kind, integer16),                           \
  [GK_uint16] = PAIR(kind, integer16), [GK_int32] = PAIR(kind, integer32),                         \
  [GK_uint32] = PAIR(kind, integer32), [GK_int64] = PAIR(kind, integer64),                         \
  [GK_uint64] = PAIR(kind, integer64), [GK_float16] = PAIR(kind, floating16),                      \
  [GK_bfloat16] = PAIR(kind, floating16), [GK_float32] = PAIR(kind, floating32),                   \
  [GK_float64] = PAIR(kind, floating64), [GK_complex64] = PAIR(kind, complexes)
#define PLACES(kind)                                                                               \
  [GK_bool] = {kind##_place_row_uint8, NULL}, [GK_int8] = {kind##_place_row_int8, NULL},           \
  [GK_uint8] = {kind##_place_row_uint8, NULL}, [GK_int16] = {kind##_place_row_int16, NULL},        \
  [GK_uint16] = {kind##_place_row_uint16, NULL}, [GK_int32] = PAIR(kind##_place, int32),           \
  [GK_uint32] = PAIR(kind##_place, uint32), [GK_int64] = PAIR(kind##_place, int64),                \
  [GK_uint64] = PAIR(kind##_place, uint64), [GK_float32] = PAIR(kind##_place, float32),            \
  [GK_float64] = PAIR(kind##_place, float64)

const gk_reduce_kernels GK_NAME(gk_reduce_table) = {
    .fold =
        {
            [GK_REDUCE_SUM] = {[GK_bool] = PAIR(sum, truth), NUMERIC(sum)},
            [GK_REDUCE_PROD] = {[GK_bool] = PAIR(prod, truth), NUMERIC(prod)},
            [GK_REDUCE_MIN] = {[GK_bool] = PAIR(all, integer8), NUMERIC(min)},
            [GK_REDUCE_MAX] = {[GK_bool] = PAIR(any, integer8), NUMERIC(max)},
            [GK_REDUCE_ANY] = {TRUTH(any)},
            [GK_REDUCE_ALL] = {TRUTH(all)},
        },
    .place = {{PLACES(min)}, {PLACES(max)}},
};
