// Where the elements of up to four operands lie over one shape: what the host fills in (cuda/layout.c) and
// kernels read (layout.cuh). Elements are numbered in row-major order of the shape.
//
// Axes are merged where every operand allows it; axis 0 is the innermost one. To divide by a length is to
// multiply: n / length = (high half of n * magic, plus n) >> shift, in 32 bits for n below 2^31 where
// `wide` is 0, else in 64 bits for n below 2^63.
#ifndef GK_KERNELS_LAYOUT_H
#define GK_KERNELS_LAYOUT_H

#include <stdint.h>

enum { GK_LAYOUT_AXES = 8, GK_LAYOUT_OPERANDS = 4 };

typedef struct gk_layout_axis {
  uint64_t length, magic;
  int64_t stride[GK_LAYOUT_OPERANDS]; // in elements of each operand
} gk_layout_axis;

typedef struct gk_layout {
  int64_t size; // number of elements
  uint32_t ndim; // at least 1
  uint32_t wide; // an element's number, or its place in an operand, may take more than 31 bits
  gk_layout_axis axis[GK_LAYOUT_AXES];
  uint32_t shift[GK_LAYOUT_AXES];
} gk_layout;

#endif
