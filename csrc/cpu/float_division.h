// floor_divide, remainder and fmod of floats: the results of C's fmod and of Python's // and %, bit for
// bit the same in every instruction set. Only for elementwise_simd.c.
//
// fmod is exact, and one division and one multiplication suffice for that as long as the product is
// exact: with doubles for float32 up to quotients of 2^29, with a fused multiplication for float64 up
// to 2^53. The few elements beyond, and division by 0, are libm's.
#ifndef GK_CPU_FLOAT_DIVISION_H
#define GK_CPU_FLOAT_DIVISION_H

#include <math.h>

#include "loops.h"
#include "rounding.h"

enum { REST_BLOCK = 64 };

// m of a / b in W. The quotient may be rounded up to one too many, which leaves a rest below 0.
#define REST(suffix, T, W, f, limit, product_less)                                                 \
  static __attribute__((noinline)) void rest_##suffix(int64_t m, const T *a, const T *b,           \
                                                      T *rest) {                                   \
    int beyond = 0;                                                                                \
    GK_VECTORIZE_SMALL                                                                             \
    for (int64_t i = 0; i < m; i++) {                                                              \
      W x = __builtin_fabs((W)a[i]), y = __builtin_fabs((W)b[i]), whole = trunc64(x / y);          \
      W r = product_less;                                                                          \
      r = r < 0 ? r + y : r;                                                                       \
      r = x < y ? x : r; /* also where y is infinite */                                            \
      rest[i] = r == r ? __builtin_copysign##f((T)r, a[i]) : (T)NAN; /* of one sign */             \
      beyond |= whole >= limit;                                                                    \
    }                                                                                              \
    if (!beyond) return;                                                                           \
    for (int64_t i = 0; i < m; i++) {                                                              \
      if (!(__builtin_fabs((W)a[i] / (W)b[i]) >= limit)) continue;                                 \
      T r = __builtin_fmod##f(a[i], b[i]);                                                         \
      rest[i] = r == r ? r : (T)NAN;                                                               \
    }                                                                                              \
  }
REST(f32, float, double, f, 0x1p29, x - whole * y)
#if defined(__FMA__) || defined(__aarch64__)
REST(f64, double, double, , 0x1p53, __builtin_fma(-whole, y, x))
#else
static inline void rest_f64(int64_t m, const double *a, const double *b, double *rest) {
  for (int64_t i = 0; i < m; i++) {
    double r = __builtin_fmod(a[i], b[i]);
    rest[i] = r == r ? r : (double)NAN;
  }
}
#endif

// A loop whose expression is in a, b and r = fmod(a, b).
#define WITH_REST(name, suffix, T, expression)                                                     \
  static void name##_##suffix(int64_t n, const void *pa, const void *pb, const void *pc,           \
                              void *po) {                                                          \
    const T *a_ = pa, *b_ = pb;                                                                    \
    T *o_ = po, rest[REST_BLOCK];                                                                  \
    (void)pc;                                                                                      \
    for (int64_t at = 0; at < n; at += REST_BLOCK) {                                               \
      int64_t m = n - at < REST_BLOCK ? n - at : REST_BLOCK;                                       \
      rest_##suffix(m, a_ + at, b_ + at, rest);                                                    \
      GK_VECTORIZE_SMALL                                                                           \
      for (int64_t i = 0; i < m; i++) {                                                            \
        T a = a_[at + i], b = b_[at + i], r = rest[i];                                             \
        o_[at + i] = expression;                                                                   \
      }                                                                                            \
    }                                                                                              \
  }

// As NumPy has them: where the signs differ the quotient is one lower, 0 and a rest of 0 have
// the sign of the quotient and of b, and a / 0 is what division gives.
#define FLOOR_DIVISION(suffix, T, f, floor_one)                                                    \
  static inline T floor_quotient_##suffix(T a, T b, T r) {                                         \
    T exact = (a - r) / b;                                                                         \
    exact = ((r != 0) & ((b < 0) != (r < 0))) ? exact - 1 : exact;                                 \
    T whole = floor_one(exact);                                                                    \
    whole = exact - whole > (T)0.5 ? whole + 1 : whole;                                            \
    whole = exact == 0 ? __builtin_copysign##f((T)0, a / b) : whole;                               \
    return b == 0 ? a / b : whole;                                                                 \
  }                                                                                                \
  static inline T floor_rest_##suffix(T a, T b, T r) {                                             \
    (void)a;                                                                                       \
    T nearer = (b < 0) != (r < 0) ? r + b : r;                                                     \
    return r == 0 ? __builtin_copysign##f((T)0, b) : nearer;                                       \
  }                                                                                                \
  WITH_REST(floor_divide, suffix, T, floor_quotient_##suffix(a, b, r))                             \
  WITH_REST(remainder, suffix, T, floor_rest_##suffix(a, b, r))                                    \
  WITH_REST(fmod, suffix, T, ((void)a, (void)b, r))
FLOOR_DIVISION(f32, float, f, floor32)
FLOOR_DIVISION(f64, double, , floor64)

#endif
