// Inner loops of the scans: see scan.h.
#include <string.h>

#include "scan.h"
#include "simd.h"

#define GROUP 8
typedef double doubles __attribute__((vector_size(64)));
typedef uint64_t integers __attribute__((vector_size(64)));

#define SHUFFLE __builtin_shufflevector

// By address: without AVX-512 such vectors have no stable way of being passed.
static inline void load_float32(doubles *v, const float *x) {
  float s[GROUP];
  memcpy(s, x, sizeof s);
  *v = (doubles){s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7]};
}
static inline void load_float64(doubles *v, const double *x) { memcpy(v, x, sizeof *v); }
static inline void load_int64(integers *v, const uint64_t *x) { memcpy(v, x, sizeof *v); }
static inline void store_float32(float *out, const doubles *v) {
  const float s[GROUP] = {(float)(*v)[0], (float)(*v)[1], (float)(*v)[2], (float)(*v)[3],
                          (float)(*v)[4], (float)(*v)[5], (float)(*v)[6], (float)(*v)[7]};
  memcpy(out, s, sizeof s);
}
static inline void store_float64(double *out, const doubles *v) { memcpy(out, v, sizeof *v); }
static inline void store_int64(uint64_t *out, const integers *v) { memcpy(out, v, sizeof *v); }

// Sums within a group by doubling; the running sum is added last, so that groups depend on each other
// only through one addition.
#define SCAN(name, T, V, S, member)                                                                \
  static void name##_row(int64_t n, const void *data, void *to, gk_scan_sum *sum,                  \
                         gk_scan_sum base) {                                                       \
    const T *x = data;                                                                             \
    T *out = to;                                                                                   \
    S s = sum->member, b = base.member;                                                            \
    int64_t i = 0;                                                                                 \
    for (; i + GROUP <= n; i += GROUP) {                                                           \
      const V zero = {0};                                                                          \
      V v;                                                                                         \
      load_##name(&v, x + i);                                                                      \
      v += SHUFFLE(v, zero, 8, 0, 1, 2, 3, 4, 5, 6);                                               \
      v += SHUFFLE(v, zero, 8, 8, 0, 1, 2, 3, 4, 5);                                               \
      v += SHUFFLE(v, zero, 8, 8, 8, 8, 0, 1, 2, 3);                                               \
      const V running = v + (s + b);                                                               \
      if (out) store_##name(out + i, &running);                                                    \
      s += v[GROUP - 1];                                                                           \
    }                                                                                              \
    for (; i < n; i++) {                                                                           \
      s += (S)x[i];                                                                                \
      if (out) out[i] = (T)(s + b);                                                                \
    }                                                                                              \
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
    .float32 = {float32_row, float32_column},
    .float64 = {float64_row, float64_column},
    .int64 = {int64_row, int64_column},
};
