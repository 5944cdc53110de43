// Kernels of logsumexp, made of those of max, exp and sum: see reduce.h. Every element is taken
// relative to the largest one so far, and what was summed before shrinks whenever a larger one comes.
// While the largest is infinite or NaN, sums mean nothing; the result is then that largest itself.
#include <math.h>
#include <stddef.h>

#include "elementwise.h"
#include "reduce.h"

#define BLOCK 512

// What elements are taken relative to, where m is the largest one.
static double base_of(double m) { return isfinite(m) ? m : 0; }

#define LOG_KERNELS(name, T)                                                                       \
  static void exp_##name(int64_t n, T *x) {                                                        \
    gk_elementwise()->loop[GK_OP_exp][GK_##name](n, x, NULL, NULL, x);                             \
  }                                                                                                \
  /* Terms of elements relative to what is given for each. */                                      \
  static void terms_##name(int64_t n, const T *x, const T *relative, T *term) {                    \
    for (int64_t i = 0; i < n; i++) term[i] = x[i] - relative[i];                                  \
    exp_##name(n, term);                                                                           \
  }                                                                                                \
  static void log_row_##name(int64_t rows, int64_t cols, const void *data, int64_t stride,         \
                             int64_t base, void *value, void *place) {                             \
    (void)base;                                                                                    \
    T term[BLOCK];                                                                                 \
    for (int64_t r = 0; r < rows; r++) {                                                           \
      T *largest = (T *)value + r;                                                                 \
      double *sum = (double *)place + r;                                                           \
      for (int64_t c = 0; c < cols; c += BLOCK) {                                                  \
        const T *x = (const T *)data + r * stride + c, before = *largest;                          \
        const int64_t n = cols - c < BLOCK ? cols - c : BLOCK;                                     \
        gk_reduce()->fold[GK_REDUCE_MAX][GK_##name].row(1, n, x, 0, largest);                      \
        if (*largest != before)                                                                    \
          *sum = *sum == 0 ? 0 : *sum * exp(base_of((double)before) - base_of((double)*largest));  \
        const T relative = (T)base_of((double)*largest);                                           \
        for (int64_t i = 0; i < n; i++) term[i] = x[i] - relative;                                 \
        exp_##name(n, term);                                                                       \
        gk_reduce()->fold[GK_REDUCE_SUM][GK_##name].row(1, n, term, 0, sum);                       \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  static void log_column_##name(int64_t rows, int64_t cols, const void *data, int64_t stride,      \
                                int64_t base, void *value, void *place) {                          \
    (void)base;                                                                                    \
    T term[BLOCK], before[BLOCK], relative[BLOCK];                                                 \
    for (int64_t c = 0; c < cols; c += BLOCK) {                                                    \
      T *largest = (T *)value + c;                                                                 \
      double *sum = (double *)place + c;                                                           \
      const T *x = (const T *)data + c;                                                            \
      const int64_t n = cols - c < BLOCK ? cols - c : BLOCK;                                       \
      for (int64_t r = 0; r < rows; r += ROWS) {                                                   \
        const int64_t some = rows - r < ROWS ? rows - r : ROWS;                                    \
        for (int64_t i = 0; i < n; i++) before[i] = (T)base_of((double)largest[i]);                \
        gk_reduce()->fold[GK_REDUCE_MAX][GK_##name].column(some, n, x + r * stride, stride,        \
                                                           largest);                               \
        for (int64_t i = 0; i < n; i++) relative[i] = (T)base_of((double)largest[i]);              \
        terms_##name(n, before, relative, term);                                                   \
        for (int64_t i = 0; i < n; i++) sum[i] = sum[i] == 0 ? 0 : sum[i] * (double)term[i];       \
        for (int64_t k = r; k < r + some; k++) {                                                   \
          terms_##name(n, x + k * stride, relative, term);                                         \
          gk_reduce()->fold[GK_REDUCE_SUM][GK_##name].column(1, n, term, 0, sum);                  \
        }                                                                                          \
      }                                                                                            \
    }                                                                                              \
  }                                                                                                \
  static void log_merge_##name(int64_t n, int64_t count, int64_t stride, const void *firsts,       \
                               const double *seconds, void *first, double *second) {               \
    const T *largest = firsts;                                                                     \
    T *result = first, term[BLOCK], relative[BLOCK], own[BLOCK];                                   \
    for (int64_t c = 0; c < n; c += BLOCK) {                                                       \
      const int64_t m = n - c < BLOCK ? n - c : BLOCK;                                             \
      gk_reduce()->fold[GK_REDUCE_MAX][GK_##name].column(count, m, largest + c, stride,            \
                                                         result + c);                              \
      for (int64_t i = 0; i < m; i++) relative[i] = (T)base_of((double)result[c + i]);             \
      for (int64_t k = 0; k < count; k++) {                                                        \
        const int64_t at = k * stride + c;                                                         \
        for (int64_t i = 0; i < m; i++) own[i] = (T)base_of((double)largest[at + i]);              \
        terms_##name(m, own, relative, term);                                                      \
        for (int64_t i = 0; i < m; i++)                                                            \
          if (seconds[at + i] != 0) second[c + i] += seconds[at + i] * (double)term[i];            \
      }                                                                                            \
    }                                                                                              \
  }
// Rows of a column kernel for which it looks for the largest at once.
#define ROWS 16
LOG_KERNELS(float32, float)
LOG_KERNELS(float64, double)

gk_reduce_two gk_reduce_log(uint8_t dtype) {
  return dtype == GK_float32 ? (gk_reduce_two){log_row_float32, log_column_float32}
                             : (gk_reduce_two){log_row_float64, log_column_float64};
}

void gk_reduce_log_merge(uint8_t dtype, int64_t n, int64_t count, int64_t stride,
                         const void *firsts, const double *seconds, void *first, double *second) {
  (dtype == GK_float32 ? log_merge_float32 : log_merge_float64)(n, count, stride, firsts, seconds,
                                                                first, second);
}
