// The twin of CUDA's cuda_bf16.h: __nv_bfloat16 and __nv_bfloat162, whose names are a part of what a kernel is
// called.
#ifndef __CUDA_BF16_H__
#define __CUDA_BF16_H__

// Bits of a float as those of a bfloat16, to the nearest, ties to even.
static inline __device__ unsigned short standin_to_bfloat(float value) {
  const unsigned bits = __builtin_bit_cast(unsigned, value);
  if ((bits & 0x7fffffff) > 0x7f800000) return 0x7fff;
  return (unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline __device__ float standin_of_bfloat(unsigned short bits) {
  return __builtin_bit_cast(float, (unsigned)bits << 16);
}

#define STANDIN_TYPE __nv_bfloat16
#define STANDIN_TYPE2 __nv_bfloat162
#define STANDIN_RAW __nv_bfloat16_raw
#define STANDIN_TO standin_to_bfloat
#define STANDIN_OF standin_of_bfloat
#define STANDIN_NAME(before, after) before##bfloat16##after
#define STANDIN_TWICE(before, between, after) before##bfloat16##between##bfloat16##after
#include "cuda_half.inc"
#undef STANDIN_TYPE
#undef STANDIN_TYPE2
#undef STANDIN_RAW
#undef STANDIN_TO
#undef STANDIN_OF
#undef STANDIN_NAME
#undef STANDIN_TWICE

typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;

#endif
