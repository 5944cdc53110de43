// Layouts of kernels' operands, from views.
#ifndef GK_CUDA_LAYOUT_H
#define GK_CUDA_LAYOUT_H

#include "../core/view.h"
#include "../kernels/layout.h"

// Of `count` views, at most 4, broadcast to one rank and shape. A NULL entry is a number: its strides are
// 0. At least one view is none.
void gk_layout_build(gk_layout *layout, int count, const gk_view *const *views);

// The same from a loop whose axes the caller has chosen.
void gk_layout_from_loop(gk_layout *layout, int count, const gk_loop *loop);

#endif
