// From an element's number to its place in each operand; see layout.h.
#pragma once

#include "kernel.cuh"
#include "layout.h"

#ifndef GK_UNROLL
#if defined(__CUDACC__)
#define GK_UNROLL _Pragma("unroll")
#else
#define GK_UNROLL
#endif
#endif

// Number n over all axes but the innermost, and what is left over along that one.
template <class Integer, class Wide>
static __device__ __forceinline__ Integer gk_divide(Integer n, Integer length, Integer magic,
                                                    uint32_t shift, Integer *rest) {
  Integer high = (Integer)((Wide)n * magic >> 8 * sizeof n), quotient = (high + n) >> shift;
  *rest = n - quotient * length;
  return quotient;
}

// The places of element `index` in the first `operands` operands, in elements.
template <int operands>
static __device__ __forceinline__ void gk_offsets(const gk_layout &layout, int64_t index,
                                                  int64_t (&offset)[operands]) {
  static_assert(operands <= GK_LAYOUT_OPERANDS, "a layout has room for four");
  if (!layout.wide) {
    uint32_t left = (uint32_t)index, at[operands] = {};
    GK_UNROLL
    for (int d = 0; d < GK_LAYOUT_AXES; d++) {
      if (d >= (int)layout.ndim) break;
      const gk_layout_axis &axis = layout.axis[d];
      uint32_t along = left;
      if (d + 1 < (int)layout.ndim)
        left = gk_divide<uint32_t, uint64_t>(left, (uint32_t)axis.length, (uint32_t)axis.magic,
                                             layout.shift[d], &along);
      GK_UNROLL
      for (int k = 0; k < operands; k++) at[k] += along * (uint32_t)axis.stride[k];
    }
    GK_UNROLL
    for (int k = 0; k < operands; k++) offset[k] = (int32_t)at[k];
  } else {
    uint64_t left = (uint64_t)index, at[operands] = {};
    for (int d = 0; d < (int)layout.ndim; d++) {
      const gk_layout_axis &axis = layout.axis[d];
      uint64_t along = left;
      if (d + 1 < (int)layout.ndim)
        left = gk_divide<uint64_t, unsigned __int128>(left, axis.length, axis.magic,
                                                      layout.shift[d], &along);
      GK_UNROLL
      for (int k = 0; k < operands; k++) at[k] += along * (uint64_t)axis.stride[k];
    }
    GK_UNROLL
    for (int k = 0; k < operands; k++) offset[k] = (int64_t)at[k];
  }
}
