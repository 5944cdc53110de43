// Between sort.c, which sorts unsigned keys, and sort_simd.c, which makes keys of elements.
#ifndef GK_CPU_SORT_H
#define GK_CPU_SORT_H

#include "cpu.h"

// An element's key is an unsigned integer of its size. Keys are in the order asked for,
// NaN last: the largest key.
typedef struct gk_sort_order {
  uint64_t flip;     // the sign bit for signed integers, else 0
  uint64_t sign;     // floats: the sign bit; else 0
  uint64_t infinity; // floats: its bits; larger magnitudes are NaN
  bool descending;
  bool equal_zeros;  // -0 has the key of 0 (and cannot be told from it afterwards)
} gk_sort_order;

typedef struct gk_sort_table {
  // By log2 of the element's size. in and out may be the same.
  void (*to_keys[4])(int64_t n, const void *in, void *out, const gk_sort_order *order);
  void (*from_keys[4])(int64_t n, const void *in, void *out, const gk_sort_order *order);
  // key << 32 | place for keys of up to 32 bits, place counted from `first`
  void (*pack[3])(int64_t n, const void *keys, uint64_t *out, uint64_t first);
} gk_sort_table;

GK_KERNELS(gk_sort_table, gk_sort_kernels)

#endif
