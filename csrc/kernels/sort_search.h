// The argument of the kernels in sort_search.cu.
#ifndef GK_KERNELS_SEARCH_H
#define GK_KERNELS_SEARCH_H

#include "strided.h"

typedef struct gk_search_args {
  gk_strided arrays; // the values, then the places that are written
  const void *sorted, *values;
  int64_t *out;
  int64_t length, step; // of the sorted vector; from one of its elements to the next
  uint32_t dtype;       // its dtype
  uint32_t compute;     // in which it is compared with the values
  uint32_t right;       // behind equal ones
} gk_search_args;

#endif
