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
// Elements that a search for a place compares at a time.
#define FIND 32
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
#define TRUTHS(X)                                                                                  \
  X(integer8, uint8_t, 0xff)                                                                       \
  X(integer16, uint16_t, 0xffff)                                                                   \
  X(integer32, uint32_t, 0xffffffffu)                                                              \
  X(integer64, uint64_t, ~UINT64_C(0))                                                             \
  X(floating16, uint16_t, 0x7fff)                                                                  \
  X(floating32, uint32_t, 0x7fffffffu)                                                             \
  X(floating64, uint64_t, UINT64_C(0x7fffffffffffffff))                                            \
  X(complexes, uint64_t, UINT64_C(0x7fffffff7fffffff))
TRUTHS(TRUTH_FOLDS)

// How many are true, in counters of 32 bits within a block.
#define COUNT_FOLDS(name, T, mask)                                                                 \
  KERNEL(count_row_##name) {                                                                       \
    uint64_t *acc = out;                                                                           \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const T *p = (const T *)data + r * stride;                                                   \
      for (int64_t begin = 0; begin < cols; begin += STOP_BLOCK) {                                 \
        const int64_t end = cols - begin < STOP_BLOCK ? cols : begin + STOP_BLOCK;                 \
        uint32_t count = 0;                                                                        \
        for (int64_t c = begin; c < end; c++) count += (p[c] & (mask)) != 0;                       \
        acc[r] += count;                                                                           \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  FOLD_COLUMN(count, name, T, uint64_t, a + ((v & (mask)) != 0))
TRUTHS(COUNT_FOLDS)

// ---- floating sums

// Two sums: of the elements with an even and with an odd place, which for complex numbers are the
// real and the imaginary parts.
typedef struct pair {
  double even, odd;
} pair;

// The sums of blocks, lane by lane, in double. A sum of doubles also gathers what its rounding loses.
typedef struct float32_sums {
  double lane[16];
} float32_sums;
typedef struct float64_sums {
  double lane[8], lost[8];
} float64_sums;

static inline void float32_keep(float32_sums *s, const float *x) {
  for (int j = 0; j < 16; j++) s->lane[j] += (double)x[j];
}
static inline void float64_keep(float64_sums *s, const double *x) {
  for (int j = 0; j < 8; j++) {
    const double a = s->lane[j], t = a + x[j], more = t - a;
    s->lost[j] += (a - (t - more)) + (x[j] - more);
    s->lane[j] = t;
  }
}
static inline pair float32_across(float32_sums *s) {
  double *d = s->lane;
  for (int h = 8; h > 1; h /= 2)
    for (int j = 0; j < h; j++) d[j] += d[j + h];
  return (pair){d[0], d[1]};
}
static inline pair float64_across(float64_sums *s) {
  double *d = s->lane;
  for (int j = 0; j < 8; j++)
    if (s->lost[j] - s->lost[j] == 0) d[j] += s->lost[j]; // no number once the sum is infinite
  for (int h = 4; h > 1; h /= 2)
    for (int j = 0; j < h; j++) d[j] += d[j + h];
  return (pair){d[0], d[1]};
}

// A block is summed in LANES lanes of trees of four elements, in the order of memory (any other one
// halves the speed, for the processor guesses what comes next), which are folded to a group of
// LANES / 4 and added in double: fewer roundings than a pairwise sum has. What is left is summed
// in the same lanes, the last few elements through a mask (a buffer would stall on its own stores).
#define FLOAT_SUM(name, T, I, LANES)                                                               \
  enum {                                                                                           \
    name##_width = VECTOR_BYTES / (int)sizeof(T),                                                  \
    name##_group = LANES / 4,                                                                      \
    name##_vectors = LANES / name##_width,                                                         \
    name##_parts = name##_group / name##_width                                                     \
  };                                                                                               \
  typedef T name##_vector __attribute__((vector_size(VECTOR_BYTES)));                              \
  typedef I name##_mask __attribute__((vector_size(VECTOR_BYTES)));                                \
  static inline name##_vector name##_load(const T *p) {                                            \
    name##_vector v;                                                                               \
    memcpy(&v, p, sizeof v);                                                                       \
    return v;                                                                                      \
  }                                                                                                \
  static inline void name##_fours(name##_vector *a, const T *x) {                                  \
    enum { group = name##_group };                                                                 \
    for (int j = 0; j < name##_vectors; j++) {                                                     \
      const T *p = x + j / name##_parts * LANES + j % name##_parts * name##_width;                 \
      a[j] += (name##_load(p) + name##_load(p + group)) +                                          \
              (name##_load(p + 2 * group) + name##_load(p + 3 * group));                           \
    }                                                                                              \
  }                                                                                                \
  static inline void name##_fold(name##_vector *a) {                                               \
    enum { parts = name##_parts };                                                                 \
    for (int j = 0; j < parts; j++)                                                                \
      a[j] = (a[j] + a[j + parts]) + (a[j + 2 * parts] + a[j + 3 * parts]);                        \
  }                                                                                                \
  static inline void name##_keep_group(name##_sums *sums, const name##_vector *a) {                \
    T lane[name##_group];                                                                          \
    memcpy(lane, a, sizeof lane);                                                                  \
    name##_keep(sums, lane);                                                                       \
  }                                                                                                \
  static inline pair name##_total(int64_t n, const T *x) {                                         \
    enum { group = name##_group, parts = name##_parts };                                           \
    if (n < group) {                                                                               \
      double s = 0, t = 0;                                                                         \
      for (int64_t i = 0; i + 1 < n; i += 2) s += (double)x[i], t += (double)x[i + 1];             \
      return (pair){n & 1 ? s + (double)x[n - 1] : s, t};                                          \
    }                                                                                              \
    name##_sums sums = {0};                                                                        \
    for (; n >= SUM_BLOCK; n -= SUM_BLOCK, x += SUM_BLOCK) {                                       \
      name##_vector a[name##_vectors] = {0};                                                       \
      for (int i = 0; i < SUM_BLOCK; i += 4 * LANES) name##_fours(a, x + i);                       \
      name##_fold(a);                                                                              \
      name##_keep_group(&sums, a);                                                                 \
    }                                                                                              \
    if (n == 0) return name##_across(&sums);                                                       \
    name##_vector a[name##_vectors] = {0};                                                         \
    if (n >= LANES) {                                                                              \
      for (; n >= 4 * LANES; n -= 4 * LANES, x += 4 * LANES) name##_fours(a, x);                   \
      for (; n >= LANES; n -= LANES, x += LANES)                                                   \
        for (int j = 0; j < name##_vectors; j++) a[j] += name##_load(x + j * name##_width);        \
      name##_fold(a);                                                                              \
    }                                                                                              \
    for (; n >= group; n -= group, x += group)                                                     \
      for (int j = 0; j < parts; j++) a[j] += name##_load(x + j * name##_width);                   \
    for (int j = 0; n && j < parts; j++) {                                                         \
      name##_mask keep;                                                                            \
      memcpy(&keep, name##_last + n + j * name##_width, sizeof keep);                              \
      keep &= (name##_mask)name##_load(x + n - group + j * name##_width);                          \
      a[j] += (name##_vector)keep;                                                                 \
    }                                                                                              \
    name##_keep_group(&sums, a);                                                                   \
    return name##_across(&sums);                                                                   \
  }                                                                                                \
  KERNEL(sum_row_##name) {                                                                         \
    double *acc = out;                                                                             \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const pair s = name##_total(cols, (const T *)data + r * stride);                             \
      acc[r] += s.even + s.odd;                                                                    \
    }                                                                                              \
  }                                                                                                \
  KERNEL(sum_column_##name) {                                                                      \
    double *restrict acc = out;                                                                    \
    const int64_t s = stride;                                                                      \
    int64_t r = 0;                                                                                 \
    for (; r + 16 <= rows; r += 16) {                                                              \
      const T *restrict p = (const T *)data + r * s;                                               \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++)                                                           \
        acc[c] += (double)((SUM4(p, c) + SUM4(p + 4 * s, c)) +                                     \
                           (SUM4(p + 8 * s, c) + SUM4(p + 12 * s, c)));                            \
    }                                                                                              \
    for (; r + 4 <= rows; r += 4) {                                                                \
      const T *restrict p = (const T *)data + r * s;                                               \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) acc[c] += (double)SUM4(p, c);                             \
    }                                                                                              \
    for (; r < rows; r++) {                                                                        \
      const T *restrict p = (const T *)data + r * s;                                               \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) acc[c] += (double)p[c];                                   \
    }                                                                                              \
  }
#define SUM4(p, c) (((p)[c] + (p)[(c) + s]) + ((p)[(c) + 2 * s] + (p)[(c) + 3 * s]))
#define ZEROS8 0, 0, 0, 0, 0, 0, 0, 0
#define ONES8 -1, -1, -1, -1, -1, -1, -1, -1
static const int32_t float32_last[32] = {ZEROS8, ZEROS8, ONES8, ONES8};
static const int64_t float64_last[16] = {ZEROS8, ONES8};
FLOAT_SUM(float32, float, int32_t, 64)
FLOAT_SUM(float64, double, int64_t, 32)

KERNEL(sum_row_complex64) {
  pair *acc = out;
  for (int64_t r = 0; r < rows; r++) {
    const pair s = float32_total(2 * cols, (const float *)data + 2 * r * stride);
    acc[r].even += s.even;
    acc[r].odd += s.odd;
  }
}
KERNEL(sum_column_complex64) { sum_column_float32(rows, 2 * cols, data, 2 * stride, out); }

// ---- moments: mean and sum of the squared deviations from it

// What `count` more elements with a mean and a sum of squares of their own do to `base` of them (Chan,
// Golub and LeVeque). The last factor is NaN where a mean is infinite, as the result must be.
#define MERGE_MOMENTS(base, count, mean, squares, more_mean, more_squares)                         \
  do {                                                                                             \
    const double number = (double)(count), share = number / (double)((base) + (count));            \
    const double more = (more_mean), delta = more - (mean), next = (mean) + delta * share;         \
    (squares) += (more_squares) + number * delta * (more - next);                                  \
    (mean) = next;                                                                                 \
  } while (0)

// Deviations from a number near the mean, in 16 lanes of double: their sum, which corrects the mean and
// the squares, and the sum of their squares. Near is the mean so far; for a first block, a sum of
// its own is taken before.
#define MOMENTS_BLOCK 4096
#define MOMENTS(name, T)                                                                           \
  static inline pair name##_deviations(int64_t n, const T *x, double near) {                       \
    double sum[16] = {0}, squares[16] = {0};                                                       \
    int64_t i = 0;                                                                                 \
    for (; i + 16 <= n; i += 16)                                                                   \
      for (int j = 0; j < 16; j++) {                                                               \
        const double d = (double)x[i + j] - near;                                                  \
        sum[j] += d;                                                                               \
        squares[j] += d * d;                                                                       \
      }                                                                                            \
    for (int j = 0; i < n; i++, j++) {                                                             \
      const double d = (double)x[i] - near;                                                        \
      sum[j] += d;                                                                                 \
      squares[j] += d * d;                                                                         \
    }                                                                                              \
    for (int h = 8; h; h /= 2)                                                                     \
      for (int j = 0; j < h; j++) sum[j] += sum[j + h], squares[j] += squares[j + h];              \
    return (pair){sum[0], squares[0]};                                                             \
  }                                                                                                \
  static void moments_row_##name(int64_t rows, int64_t cols, const void *data, int64_t stride,     \
                                 int64_t base, void *value, void *place) {                         \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      const T *x = (const T *)data + r * stride;                                                   \
      double mean = ((double *)value)[r], squares = ((double *)place)[r];                          \
      for (int64_t c = 0; c < cols; c += MOMENTS_BLOCK) {                                          \
        const int64_t n = cols - c < MOMENTS_BLOCK ? cols - c : MOMENTS_BLOCK;                     \
        double near = mean;                                                                        \
        if (base + c == 0) {                                                                       \
          const pair s = name##_total(n, x);                                                       \
          near = (s.even + s.odd) / (double)n;                                                     \
        }                                                                                          \
        const pair d = name##_deviations(n, x + c, near);                                          \
        const double off = d.even / (double)n;                                                     \
        MERGE_MOMENTS(base + c, n, mean, squares, near + off, d.odd - off * d.even);               \
      }                                                                                            \
      ((double *)value)[r] = mean;                                                                 \
      ((double *)place)[r] = squares;                                                              \
    }                                                                                              \
  }                                                                                                \
  static void moments_column_##name(int64_t rows, int64_t cols, const void *data, int64_t stride,  \
                                    int64_t base, void *value, void *place) {                      \
    double *restrict mean = value;                                                                 \
    double *restrict squares = place;                                                              \
    int64_t r = 0;                                                                                 \
    for (; r + 8 <= rows; r += 8) {                                                                \
      const T *restrict p = (const T *)data + r * stride;                                          \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) {                                                         \
        const double a = (double)p[c], b = (double)p[c + stride], d = (double)p[c + 2 * stride],   \
                     e = (double)p[c + 3 * stride], f = (double)p[c + 4 * stride],                 \
                     g = (double)p[c + 5 * stride], h = (double)p[c + 6 * stride],                 \
                     i = (double)p[c + 7 * stride];                                                \
        const double own = (((a + b) + (d + e)) + ((f + g) + (h + i))) * 0.125;                    \
        const double around =                                                                      \
            (SQUARE(a - own) + SQUARE(b - own)) + (SQUARE(d - own) + SQUARE(e - own)) +            \
            ((SQUARE(f - own) + SQUARE(g - own)) + (SQUARE(h - own) + SQUARE(i - own)));           \
        MERGE_MOMENTS(base + r, 8, mean[c], squares[c], own, around);                              \
      }                                                                                            \
    }                                                                                              \
    for (; r < rows; r++) {                                                                        \
      const T *restrict p = (const T *)data + r * stride;                                          \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++)                                                           \
        MERGE_MOMENTS(base + r, 1, mean[c], squares[c], (double)p[c], 0);                          \
    }                                                                                              \
  }
#define SQUARE(x) ((x) * (x))
MOMENTS(float32, float)
MOMENTS(float64, double)

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
    T a = start;                                                                                   \
    if (n < lanes) {                                                                               \
      for (int64_t i = 0; i < n; i++) a = ((x[i] BEATS a) | (x[i] != x[i])) ? x[i] : a;            \
      return a;                                                                                    \
    }                                                                                              \
    name##_vector best[vectors];                                                                   \
    mask nan[vectors];                                                                             \
    for (int j = 0; j < vectors; j++) {                                                            \
      best[j] = name##_load(x + j * name##_width);                                                 \
      nan[j] = (mask)(best[j] != best[j]);                                                         \
    }                                                                                              \
    for (int64_t i = lanes; i < n; i += lanes) {                                                   \
      const T *p = x + (i + lanes <= n ? i : n - lanes); /* the last ones once more */             \
      for (int j = 0; j < vectors; j++) {                                                          \
        const name##_vector v = name##_load(p + j * name##_width);                                 \
        const mask take = (mask)(v BEATS best[j]);                                                 \
        best[j] = (name##_vector)((take & (mask)v) | (~take & (mask)best[j]));                     \
        nan[j] |= (mask)(v != v);                                                                  \
      }                                                                                            \
    }                                                                                              \
    for (int j = 1; j < vectors; j++) nan[0] |= nan[j];                                            \
    T value[lanes];                                                                                \
    I bad[name##_width], any = 0;                                                                  \
    memcpy(value, best, sizeof value);                                                             \
    memcpy(bad, nan, sizeof bad);                                                                  \
    for (int j = 0; j < name##_width; j++) any |= bad[j];                                          \
    if (any) return start != start ? start : (T)NAN;                                               \
    for (int h = lanes / 2; h; h /= 2)                                                             \
      for (int j = 0; j < h; j++)                                                                  \
        value[j] = value[j + h] BEATS value[j] ? value[j + h] : value[j];                          \
    return value[0] BEATS a ? value[0] : a;                                                        \
  }                                                                                                \
  KERNEL(kind##_row_##name) {                                                                      \
    T *acc = out;                                                                                  \
    for (int64_t r = 0; r < rows; r++)                                                             \
      acc[r] = kind##_of_##name(cols, (const T *)data + r * stride, acc[r]);                       \
  }                                                                                                \
  KERNEL(kind##_column_##name) {                                                                   \
    T *restrict acc = out;                                                                         \
    const int64_t s = stride;                                                                      \
    int64_t r = 0;                                                                                 \
    for (; r + 4 <= rows; r += 4) {                                                                \
      const T *restrict p = (const T *)data + r * s;                                               \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++) {                                                         \
        const T v = p[c], w = p[c + s], x = p[c + 2 * s], y = p[c + 3 * s], a = acc[c];            \
        const T vw = v BEATS w ? v : w, xy = x BEATS y ? x : y;                                    \
        const T best = vw BEATS xy ? vw : xy;                                                      \
        const int bad = (v != v) | (w != w) | (x != x) | (y != y);                                 \
        acc[c] = bad ? (T)NAN : best BEATS a ? best : a;                                           \
      }                                                                                            \
    }                                                                                              \
    for (; r < rows; r++) {                                                                        \
      const T *restrict p = (const T *)data + r * s;                                               \
      ACROSS                                                                                       \
      for (int64_t c = 0; c < cols; c++)                                                           \
        acc[c] = ((p[c] BEATS acc[c]) | (p[c] != p[c])) ? p[c] : acc[c];                           \
    }                                                                                              \
  }
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
  static inline int64_t kind##_find_##name(int64_t n, const T *x, T v, int is_nan) {               \
    int64_t i = 0;                                                                                 \
    while (n >= FIND) {                                                                            \
      const T *p = x + (i + FIND <= n ? i : n - FIND);                                             \
      int found = 0;                                                                               \
      for (int j = 0; j < FIND; j++) found |= (p[j] == v) | (is_nan & NAN_TEST(p[j]));             \
      if (found) {                                                                                 \
        i = p - x;                                                                                 \
        break;                                                                                     \
      }                                                                                            \
      i += FIND;                                                                                   \
    }                                                                                              \
    while (!(x[i] == v || (is_nan && NAN_TEST(x[i])))) i++;                                        \
    return i;                                                                                      \
  }                                                                                                \
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
        ((int64_t *)place)[r] = base + begin + kind##_find_##name(n, x, v, v_nan);                 \
        best = v;                                                                                  \
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
            [GK_REDUCE_SUM] = {[GK_bool] = PAIR(sum, truth),
                               NUMERIC(sum),
                               [GK_complex64] = PAIR(sum, complex64)},
            [GK_REDUCE_PROD] = {[GK_bool] = PAIR(prod, truth), NUMERIC(prod)},
            [GK_REDUCE_MIN] = {[GK_bool] = PAIR(all, integer8), NUMERIC(min)},
            [GK_REDUCE_MAX] = {[GK_bool] = PAIR(any, integer8), NUMERIC(max)},
            [GK_REDUCE_ANY] = {TRUTH(any)},
            [GK_REDUCE_ALL] = {TRUTH(all)},
            [GK_REDUCE_COUNT] = {TRUTH(count)},
        },
    .two = {[GK_REDUCE_SMALLEST] = {PLACES(min)},
            [GK_REDUCE_LARGEST] = {PLACES(max)},
            [GK_REDUCE_MOMENTS] = {[GK_float32] = PAIR(moments, float32),
                                   [GK_float64] = PAIR(moments, float64)}},
};
