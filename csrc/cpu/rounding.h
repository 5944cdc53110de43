// floor, ceil, round (half to even) and trunc of one float, in code that vectorises in every
// instruction set. Zeros keep the sign of the operand, NaN and infinities stay. Only for
// elementwise_simd.c.
#ifndef GK_CPU_ROUNDING_H
#define GK_CPU_ROUNDING_H

#if defined(__SSE4_1__) || defined(__aarch64__)
#define ROUNDING(bits, T, f)                                                                       \
  static inline T floor##bits(T x) { return __builtin_floor##f(x); }                               \
  static inline T ceil##bits(T x) { return __builtin_ceil##f(x); }                                 \
  static inline T round##bits(T x) { return __builtin_rint##f(x); }                                \
  static inline T trunc##bits(T x) { return __builtin_trunc##f(x); }
ROUNDING(32, float, f)
ROUNDING(64, double, )
#else
// SSE2 has no rounding: adding the power of two that leaves no bits for a fraction rounds to
// the nearest integer, which the others put right.
#define ROUNDING(bits, T, f, power)                                                                \
  static inline T round##bits(T x) {                                                               \
    T a = __builtin_fabs##f(x), nearest = (a + power) - power;                                     \
    return a < power ? __builtin_copysign##f(nearest, x) : x;                                      \
  }                                                                                                \
  static inline T floor##bits(T x) {                                                               \
    T nearest = round##bits(x);                                                                    \
    return nearest > x ? nearest - 1 : nearest;                                                    \
  }                                                                                                \
  static inline T ceil##bits(T x) {                                                                \
    T nearest = round##bits(x);                                                                    \
    return __builtin_copysign##f(nearest < x ? nearest + 1 : nearest, x);                          \
  }                                                                                                \
  static inline T trunc##bits(T x) {                                                               \
    return __builtin_copysign##f(floor##bits(__builtin_fabs##f(x)), x);                            \
  }
ROUNDING(32, float, f, 0x1p23f)
ROUNDING(64, double, , 0x1p52)
#endif

#endif
