// What the float32 functions of elementwise_simd.c are written with. They are branch-free C that
// the compiler turns into vector code: `a < b ? x : y` becomes a blend, and both sides are computed.
#ifndef GK_CPU_FLOAT_FUNCTION_H
#define GK_CPU_FLOAT_FUNCTION_H

#include <math.h>
#include <stdint.h>
#include <string.h>

// a * b + c, for polynomials: fused where that is one instruction.
#if defined(__FMA__) || defined(__aarch64__)
#define MULTIPLY_ADD(a, b, c) __builtin_fmaf(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

static inline uint32_t bits_of(float x) {
  uint32_t u;
  memcpy(&u, &x, 4);
  return u;
}
static inline float float_of(uint32_t u) {
  float x;
  memcpy(&x, &u, 4);
  return x;
}

// A float64 function that is libm's: LIBM(arcsin, asin) makes arcsin64.
#define LIBM(name, function)                                                                       \
  static inline double name##64(double x) { return function(x); }

#endif
