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

// `out` lies along axis 0, `in` along axis 1; strides in elements. A block's number is an element's of
// `tiles`, whose places are where the tile begins: in `in`, in `out`, along axis 0 and along axis 1.
typedef struct gk_copy_transpose {
  gk_layout tiles;
  const void *in;
  void *out;
  int64_t length[2], in_stride[2], out_stride[2];
} gk_copy_transpose;

#endif
