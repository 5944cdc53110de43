// The contiguous loops of elementwise ops, from an expression of one element each: UNARY(name, T, R,
// expression in x), BINARY (in a and b), TERNARY (in a, b and c, of which a has dtype A). Only for
// elementwise_simd.c and the headers that it is made of.
#ifndef GK_CPU_LOOPS_H
#define GK_CPU_LOOPS_H

#include <stdint.h>

#include "simd.h"

#define LOOP_BY(vectorize, name, A, B, C, R, prepare, expression)                                  \
  static void name(int64_t n, const void *pa, const void *pb, const void *pc, void *po) {          \
    const A *a_ = pa;                                                                              \
    const B *b_ = pb;                                                                              \
    const C *c_ = pc;                                                                              \
    R *o_ = po;                                                                                    \
    (void)b_;                                                                                      \
    (void)c_;                                                                                      \
    vectorize for (int64_t i = 0; i < n; i++) {                                                    \
      prepare;                                                                                     \
      o_[i] = (R)(expression);                                                                     \
    }                                                                                              \
  }
#define LOOP(...) LOOP_BY(GK_VECTORIZE_SMALL, __VA_ARGS__)
#define UNARY(name, T, R, expression) LOOP(name, T, T, T, R, T x = a_[i], expression)
#define BINARY(name, T, R, expression) LOOP(name, T, T, T, R, T a = a_[i]; T b = b_[i], expression)
#define TERNARY(name, A, T, R, expression)                                                         \
  LOOP(name, A, T, T, R, A a = a_[i]; T b = b_[i]; T c = c_[i], expression)

#endif
