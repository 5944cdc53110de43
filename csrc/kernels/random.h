// The argument of the kernels in random.cu.
#ifndef GK_KERNELS_RANDOM_H
#define GK_KERNELS_RANDOM_H

#include <stdint.h>

typedef struct gk_random_args {
  uint64_t counter; // first, and then the key, so that a graph can be launched with others
  uint64_t key;
  void *out;
  int64_t size; // elements
  uint32_t dtype, bytes; // of an element
  uint64_t aligned; // `out` may be written a block's elements at a time
  double first, second, limit; // uniform: low, span, limit; normal: mean, deviation
  uint64_t base, range, again; // integers: `first` and the rest of core/draw.h
} gk_random_args;

#endif
