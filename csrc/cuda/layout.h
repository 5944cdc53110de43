// Layouts of kernels' operands, from views.
#ifndef GK_CUDA_LAYOUT_H
#define GK_CUDA_LAYOUT_H

#include "../kernels/strided.h"
#include "cuda.h"

// Of `count` views, at most 4, broadcast to one rank and shape. A NULL entry is a number: its strides are
// 0. At least one view is none.
void gk_layout_build(gk_layout *layout, int count, const gk_view *const *views);

// The same from a loop whose axes the caller has chosen.
void gk_layout_from_loop(gk_layout *layout, int count, const gk_loop *loop);

// For ops whose order of elements is free: the axes as the last view, which is written, lies in memory;
// gk_strided_build: by tiles where another one lies along another axis.
void gk_loop_build_ordered(gk_loop *loop, int count, const gk_view *const *views);
void gk_strided_build(gk_strided *arrays, int count, const gk_view *const *views);

// Blocks of `block` elements.
static inline gk_grid gk_grid_of(int64_t size, int64_t block) {
  return (gk_grid){(uint32_t)((size + block - 1) / block), 1, 1};
}

#endif
