// What the float32 functions of the *_simd.c files are written with. They are branch-free C that
// the compiler turns into vector code: `a < b ? x : y` becomes a blend, and both sides are computed.
#ifndef GK_CPU_FLOAT_FUNCTION_H
#define GK_CPU_FLOAT_FUNCTION_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// a * b + c, for polynomials: fused where that is one instruction.
#if defined(__FMA__) || defined(__aarch64__)
#define MULTIPLY_ADD(a, b, c) __builtin_fmaf(a, b, c)
#define MULTIPLY_ADD64(a, b, c) __builtin_fma(a, b, c)
#else
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#define MULTIPLY_ADD64(a, b, c) ((a) * (b) + (c))
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

// a * b + c, the product exact whatever the instruction set. For b of at most 12 bits.
static inline float multiply_add_exact(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  float high = float_of(bits_of(a) & 0xfffff000u);
  return high * b + ((a - high) * b + c);
#endif
}

// NaN stays NaN.
static inline float held(float x, float least, float most) {
  x = most < x ? most : x;
  return least > x ? least : x;
}

// A float64 function that is libm's: LIBM(arcsin, asin) makes arcsin64.
#define LIBM(name, function)                                                                       \
  static inline double name##64(double x) { return function(x); }

#endif
