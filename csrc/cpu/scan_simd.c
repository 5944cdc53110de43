// Inner loops of the scans: see scan.h.
#include <string.h>

#include "scan.h"
#include "simd.h"

// A group is two vectors of four: the widest whose shuffles are cheap.
#define GROUP 8
typedef double doubles __attribute__((vector_size(32)));
typedef uint64_t integers __attribute__((vector_size(32)));
typedef float four_floats __attribute__((vector_size(16)));

// By address: without AVX such vectors have no stable way of being passed.
static inline void load_float32(doubles *v, const float *x) {
  four_floats s;
  memcpy(&s, x, sizeof s);
  *v = __builtin_convertvector(s, doubles);
}
static inline void load_float64(doubles *v, const double *x) { memcpy(v, x, sizeof *v); }
static inline void load_int64(integers *v, const uint64_t *x) { memcpy(v, x, sizeof *v); }
static inline void store_float32(float *out, const doubles *v) {
  const four_floats s = __builtin_convertvector(*v, four_floats);
  memcpy(out, &s, sizeof s);
}
static inline void store_float64(double *out, const doubles *v) { memcpy(out, v, sizeof *v); }
static inline void store_int64(uint64_t *out, const integers *v) { memcpy(out, v, sizeof *v); }

#define COLUMN(name, T, S, OP)                                                                     \
  static void name##_column(int64_t n, const void *data, void *to, gk_scan_state *states) {        \
    const T *restrict x = data;                                                                    \
    T *restrict out = to;                                                                          \
    S *restrict s = (S *)states;                                                                   \
    GK_VECTORIZE                                                                                   \
    for (int64_t i = 0; i < n; i++) {                                                              \
      s[i] = s[i] OP(S) x[i];                                                                      \
      out[i] = (T)s[i];                                                                            \
    }                                                                                              \
  }

// Pairs, then fours; the running sum is added last, so that groups depend on each other only through one
// addition.
#define SUM(name, T, V, S, member)                                                                 \
  static inline void name##_four(V *v, const T *x) {                                               \
    const V zero = {0};                                                                            \
    load_##name(v, x);                                                                             \
    *v += __builtin_shufflevector(*v, zero, 4, 0, 4, 2);                                           \
    *v += __builtin_shufflevector(*v, zero, 4, 4, 1, 1);                                           \
  }                                                                                                \
  static void name##_row(int64_t n, const void *data, void *to, gk_scan_state *state,              \
                         gk_scan_state base) {                                                     \
    const T *x = data;                                                                             \
    T *out = to;                                                                                   \
    const V zero = {0}, b = zero + base.member;                                                    \
    V sum = zero + state->member; /* the same in all places */                                     \
    int64_t i = 0;                                                                                 \
    for (; i + GROUP <= n; i += GROUP) {                                                           \
      V low, high;                                                                                 \
      name##_four(&low, x + i);                                                                    \
      name##_four(&high, x + i + 4);                                                               \
      const V low_total = __builtin_shufflevector(low, low, 3, 3, 3, 3);                           \
      const V high_total = __builtin_shufflevector(high, high, 3, 3, 3, 3);                        \
      const V before = sum + b;                                                                    \
      const V low_sums = low + before, high_sums = high + (low_total + before);                    \
      store_##name(out + i, &low_sums);                                                            \
      store_##name(out + i + 4, &high_sums);                                                       \
      sum += low_total + high_total;                                                               \
    }                                                                                              \
    S s = sum[0];                                                                                  \
    for (; i < n; i++) {                                                                           \
      s += (S)x[i];                                                                                \
      out[i] = (T)(s + base.member);                                                               \
    }                                                                                              \
    state->member = s;                                                                             \
  }                                                                                                \
  static void name##_total(int64_t n, const void *data, gk_scan_state *state) {                    \
    const T *x = data;                                                                             \
    S s = state->member;                                                                           \
    int64_t i = 0;                                                                                 \
    for (; i + GROUP <= n; i += GROUP) {                                                           \
      const T *p = x + i;                                                                          \
      s += (((S)p[0] + (S)p[1]) + ((S)p[2] + (S)p[3])) +                                           \
           (((S)p[4] + (S)p[5]) + ((S)p[6] + (S)p[7]));                                            \
    }                                                                                              \
    for (; i < n; i++) s += (S)x[i];                                                               \
    state->member = s;                                                                             \
  }                                                                                                \
  COLUMN(name, T, S, +)
SUM(float32, float, doubles, double, f64)
SUM(float64, double, doubles, double, f64)
SUM(int64, uint64_t, integers, uint64_t, u64)

// Element by element: in any other order a part may overflow where the whole does not.
#define PRODUCT(name, T, S, member)                                                                \
  static void product_##name##_row(int64_t n, const void *data, void *to, gk_scan_state *state,    \
                                   gk_scan_state base) {                                           \
    (void)base;                                                                                    \
    const T *x = data;                                                                             \
    T *out = to;                                                                                   \
    S s = state->member;                                                                           \
    for (int64_t i = 0; i < n; i++) {                                                              \
      s *= (S)x[i];                                                                                \
      out[i] = (T)s;                                                                               \
    }                                                                                              \
    state->member = s;                                                                             \
  }                                                                                                \
  COLUMN(product_##name, T, S, *)
PRODUCT(float32, float, double, f64)
PRODUCT(float64, double, double, f64)
PRODUCT(int64, uint64_t, uint64_t, u64)

static void complex64_row(int64_t n, const void *data, void *to, gk_scan_state *state,
                          gk_scan_state base) {
  const float *x = data;
  float *out = to;
  double re = state->parts[0], im = state->parts[1];
  for (int64_t i = 0; i < n; i++) {
    re += (double)x[2 * i];
    im += (double)x[2 * i + 1];
    out[2 * i] = (float)(re + base.parts[0]);
    out[2 * i + 1] = (float)(im + base.parts[1]);
  }
  state->parts[0] = re;
  state->parts[1] = im;
}
static void complex64_total(int64_t n, const void *data, gk_scan_state *state) {
  const float *x = data;
  for (int64_t i = 0; i < n; i++) {
    state->parts[0] += (double)x[2 * i];
    state->parts[1] += (double)x[2 * i + 1];
  }
}
static void complex64_column(int64_t n, const void *data, void *to, gk_scan_state *states) {
  float32_column(2 * n, data, to, states);
}

const gk_scan_kernels GK_NAME(gk_scan_table) = {
    .sum = {[GK_float32] = {float32_row, float32_total, float32_column},
            [GK_float64] = {float64_row, float64_total, float64_column},
            [GK_int64] = {int64_row, int64_total, int64_column},
            [GK_complex64] = {complex64_row, complex64_total, complex64_column}},
    .product = {[GK_float32] = {product_float32_row, NULL, product_float32_column},
                [GK_float64] = {product_float64_row, NULL, product_float64_column},
                [GK_int64] = {product_int64_row, NULL, product_int64_column}},
};
