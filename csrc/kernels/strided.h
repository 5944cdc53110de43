// Arrays with any strides over one shape, as kernels of single elements take them: what the host fills in
// (gk_strided_build of cuda/layout.h) and strided.cuh reads.
#ifndef GK_KERNELS_STRIDED_H
#define GK_KERNELS_STRIDED_H

#include "layout.h"

enum {
  GK_STRIDED_THREADS = 256,
  GK_STRIDED_GROUP = 4, // elements of a thread
  GK_STRIDED_BLOCK = GK_STRIDED_THREADS * GK_STRIDED_GROUP
};

typedef struct gk_strided {
  gk_layout layout;
  // The innermost axis falls into whole groups, or is the only one: a thread takes neighbours.
  uint8_t grouped;
  uint8_t together; // bit k: the groups of operand k lie together and aligned
  uint8_t dtype[GK_LAYOUT_OPERANDS];
} gk_strided;

#endif
