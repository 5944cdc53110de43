// From an element's number to its place in each operand; see layout.h.
#pragma once

#include "element.cuh"
#include "layout.h"

// Number n over all axes but the innermost, and what is left over along that one.
template <class Integer, class Wide>
GK_INLINE Integer gk_divide(Integer n, Integer length, Integer magic, uint32_t shift,
                            Integer *rest) {
  Integer high = (Integer)((Wide)n * magic >> 8 * sizeof n), quotient = (high + n) >> shift;
  *rest = n - quotient * length;
  return quotient;
}

// The places of E elements, `step` apart from `index` on, in `operands` operands from number `from` on: in
// elements of each. What it gives for an index behind the end is of no use.
//
// The loop over the axes stays a loop, since its code is in every kernel that takes strides.
template <class Integer, class Signed, class Wide, int operands, int E>
GK_INLINE void gk_walk(const gk_layout &layout, int64_t index, int64_t step, int from,
                       int64_t (&place)[operands][E]) {
  Integer left[E], at[operands][E] = {};
  GK_UNROLL
  for (int e = 0; e < E; e++) left[e] = (Integer)(index + e * step);
  GK_NO_UNROLL
  for (int d = 0; d < (int)layout.ndim; d++) {
    const gk_layout_axis &axis = layout.axis[d];
    const bool last = d + 1 == (int)layout.ndim;
    GK_UNROLL
    for (int e = 0; e < E; e++) {
      Integer along = left[e];
      if (!last)
        left[e] = gk_divide<Integer, Wide>(along, (Integer)axis.length, (Integer)axis.magic,
                                           layout.shift[d], &along);
      GK_UNROLL
      for (int k = 0; k < operands; k++) at[k][e] += along * (Integer)axis.stride[from + k];
    }
  }
  GK_UNROLL
  for (int k = 0; k < operands; k++) {
    GK_UNROLL
    for (int e = 0; e < E; e++) place[k][e] = (Signed)at[k][e];
  }
}
template <int operands, int E>
GK_INLINE void gk_places(const gk_layout &layout, int64_t index, int64_t step, int from,
                         int64_t (&place)[operands][E]) {
  static_assert(operands <= GK_LAYOUT_OPERANDS, "a layout has room for four");
  if (layout.wide)
    gk_walk<uint64_t, int64_t, unsigned __int128>(layout, index, step, from, place);
  else
    gk_walk<uint32_t, int32_t, uint64_t>(layout, index, step, from, place);
}

// The places of element `index` in the first `operands` operands, in elements.
template <int operands>
GK_INLINE void gk_offsets(const gk_layout &layout, int64_t index, int64_t (&offset)[operands]) {
  int64_t place[operands][1];
  gk_places(layout, index, 0, 0, place);
  GK_UNROLL
  for (int k = 0; k < operands; k++) offset[k] = place[k][0];
}
