// What the float32 functions of the *_simd.c files are written with, beyond what every device has.
#ifndef GK_CPU_FLOAT_FUNCTION_H
#define GK_CPU_FLOAT_FUNCTION_H

#include "../core/float_formulas.h"

// a * b + c, the product exact whatever the instruction set. For b of at most 12 bits.
static inline float multiply_add_exact(float a, float b, float c) {
#ifdef GK_IS_FUSED
  return __builtin_fmaf(a, b, c);
#else
  float high = float_of(bits_of(a) & 0xfffff000u);
  return high * b + ((a - high) * b + c);
#endif
}

// A float64 function that is libm's: LIBM(arcsin, asin) makes arcsin64.
#define LIBM(name, function)                                                                       \
  static inline double name##64(double x) { return function(x); }

#endif
