// Inner loops of the scans: see scan.h.
#include <string.h>

#include "scan.h"
#include "simd.h"

// A group is two vectors of four: the widest whose shuffles are cheap.
#define GROUP 8
typedef double doubles __attribute__((vector_size(32)));
typedef uint64_t integers __attribute__((vector_size(32)));

// By address: without AVX such vectors have no stable way of being passed.
static inline void load_float32(doubles *v, const float *x) {
  float s[4];
  memcpy(s, x, sizeof s);
  *v = (doubles){s[0], s[1], s[2], s[3]};
}
static inline void load_float64(doubles *v, const double *x) { memcpy(v, x, sizeof *v); }
static inline void load_int64(integers *v, const uint64_t *x) { memcpy(v, x, sizeof *v); }
static inline void store_float32(float *out, const doubles *v) {
  const float s[4] = {(float)(*v)[0], (float)(*v)[1], (float)(*v)[2], (float)(*v)[3]};
  memcpy(out, s, sizeof s);
}
static inline void store_float64(double *out, const doubles *v) { memcpy(out, v, sizeof *v); }
static inline void store_int64(uint64_t *out, const integers *v) { memcpy(out, v, sizeof *v); }

// Sums within a group by doubling; the running sum is added last, so that groups depend on each other
// only through one addition.
#define SCAN(name, T, V, S, member)                                                                \
  static inline void name##_group(V *low, V *high, const T *x) {                                   \
    const V zero = {0};                                                                            \
    load_##name(low, x);                                                                           \
    load_##name(high, x + 4);                                                                      \
    *low += __builtin_shufflevector(*low, zero, 4, 0, 1, 2);                                       \
    *high += __builtin_shufflevector(*high, zero, 4, 0, 1, 2);                                     \
    *low += __builtin_shufflevector(*low, zero, 4, 4, 0, 1);                                       \
    *high += __builtin_shufflevector(*high, zero, 4, 4, 0, 1);                                     \
    *high += __builtin_shufflevector(*low, *low, 3, 3, 3, 3);                                      \
  }                                                                                                \
  static void name##_row(int64_t n, const void *data, void *to, gk_scan_sum *sum,                  \
                         gk_scan_sum base) {                                                       \
    const T *x = data;                                                                             \
    T *out = to;                                                                                   \
    S s = sum->member;                                                                             \
    const S b = base.member;                                                                       \
    V low, high;                                                                                   \
    int64_t i = 0;                                                                                 \
    for (; i + GROUP <= n; i += GROUP) {                                                           \
      name##_group(&low, &high, x + i);                                                            \
      const S next = s + high[3];                                                                  \
      low += s + b;                                                                                \
      high += s + b;                                                                               \
      store_##name(out + i, &low);                                                                 \
      store_##name(out + i + 4, &high);                                                            \
      s = next;                                                                                    \
    }                                                                                              \
    for (; i < n; i++) {                                                                           \
      s += (S)x[i];                                                                                \
      out[i] = (T)(s + b);                                                                         \
    }                                                                                              \
    sum->member = s;                                                                               \
  }                                                                                                \
  static void name##_total(int64_t n, const void *data, gk_scan_sum *sum) {                        \
    const T *x = data;                                                                             \
    S s = sum->member;                                                                             \
    V low, high;                                                                                   \
    int64_t i = 0;                                                                                 \
    for (; i + GROUP <= n; i += GROUP) {                                                           \
      name##_group(&low, &high, x + i);                                                            \
      s += high[3];                                                                                \
    }                                                                                              \
    for (; i < n; i++) s += (S)x[i];                                                               \
    sum->member = s;                                                                               \
  }                                                                                                \
  static void name##_column(int64_t n, const void *data, void *to, gk_scan_sum *sums) {            \
    const T *restrict x = data;                                                                    \
    T *restrict out = to;                                                                          \
    S *restrict s = &sums->member;                                                                 \
    GK_VECTORIZE                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                              \
      s[i] += (S)x[i];                                                                             \
      out[i] = (T)s[i];                                                                            \
    }                                                                                              \
  }
SCAN(float32, float, doubles, double, f64)
SCAN(float64, double, doubles, double, f64)
SCAN(int64, uint64_t, integers, uint64_t, u64)

const gk_scan_kernels GK_NAME(gk_scan_table) = {
    .float32 = {float32_row, float32_total, float32_column},
    .float64 = {float64_row, float64_total, float64_column},
    .int64 = {int64_row, int64_total, int64_column},
};
