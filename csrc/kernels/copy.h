// Arguments of the kernels in copy.cu.
#ifndef GK_KERNELS_COPY_H
#define GK_KERNELS_COPY_H

#include "strided.h"

typedef struct gk_copy_cast {
  gk_strided arrays; // `in`, `out`
  const void *in;
  void *out;
} gk_copy_cast;

enum { GK_TRANSPOSE_THREADS = 256 };
// Rows and columns of a tile, by the size of an element.
#define GK_TRANSPOSE_TILE(size) ((size) < 4 ? 64 : 32)

// `out` lies along axis 0, `in` along axis 1; strides in elements. Blocks are numbered by tiles along axis 0,
// then along axis 1, then over the other axes.
typedef struct gk_copy_transpose {
  gk_layout others; // of `in`, `out`
  const void *in;
  void *out;
  int64_t length[2], in_stride[2], out_stride[2];
  int64_t tiles[2];
} gk_copy_transpose;

#endif
