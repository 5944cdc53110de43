// The twin of CUDA's cuda_fp16.h: __half and __half2, whose names are a part of what a kernel is called.
#ifndef __CUDA_FP16_H__
#define __CUDA_FP16_H__

// Bits of a float as those of a half, to the nearest, ties to even.
static inline __device__ unsigned short standin_to_half(float value) {
  const unsigned bits = __builtin_bit_cast(unsigned, value);
  const unsigned sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return 0x7fff;
  if (magnitude >= 0x477ff000) return (unsigned short)(sign | 0x7c00);
  if (magnitude < 0x33000000) return (unsigned short)sign;
  const unsigned exponent = magnitude >> 23;
  const unsigned shift = exponent < 113 ? 126 - exponent : 13;
  const unsigned fraction = (magnitude & 0x7fffff) | (exponent < 113 ? 0x800000 : 0);
  const unsigned rest = fraction & ((1u << shift) - 1), half = 1u << (shift - 1);
  unsigned result = fraction >> shift;
  if (exponent >= 113) result += (exponent - 112) << 10;
  if (rest > half || (rest == half && (result & 1))) result++;
  return (unsigned short)(sign | result);
}

static inline __device__ float standin_of_half(unsigned short bits) {
  const unsigned sign = (unsigned)(bits & 0x8000) << 16, exponent = bits >> 10 & 31;
  const unsigned fraction = bits & 0x3ff;
  if (exponent == 31) return __builtin_bit_cast(float, sign | 0x7f800000 | fraction << 13);
  if (exponent == 0) {
    const float small = (float)fraction * 0x1p-24f;
    return sign ? -small : small;
  }
  return __builtin_bit_cast(float, sign | (exponent + 112) << 23 | fraction << 13);
}

#define STANDIN_TYPE __half
#define STANDIN_TYPE2 __half2
#define STANDIN_RAW __half_raw
#define STANDIN_TO standin_to_half
#define STANDIN_OF standin_of_half
#define STANDIN_NAME(before, after) before##half##after
#define STANDIN_TWICE(before, between, after) before##half##between##half##after
#include "cuda_half.inc"
#undef STANDIN_TYPE
#undef STANDIN_TYPE2
#undef STANDIN_RAW
#undef STANDIN_TO
#undef STANDIN_OF
#undef STANDIN_NAME
#undef STANDIN_TWICE

typedef __half half;
typedef __half2 half2;
typedef __half nv_half;
typedef __half2 nv_half2;

#endif
