// The order of elements as bits to turn: what a device needs to make keys of them that are compared as
// integers (cpu/sort_simd.c, kernels/sort_keys.cuh).
#ifndef GK_CORE_SORT_ORDER_H
#define GK_CORE_SORT_ORDER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct gk_sort_order {
  uint64_t flip; // bits turned first: those of an unsigned or descending order
  uint64_t infinity; // floats: its bits, larger magnitudes are NaN; else 0
  uint64_t nan; // the bits that stand for any NaN, which put it last or first
  bool equal_zeros; // -0 has the key of 0 (and cannot be told from it afterwards)
} gk_sort_order;

enum { GK_SORT_NAN_FIRST = 1, GK_SORT_EQUAL_ZEROS = 2 };
gk_sort_order gk_sort_order_of(uint8_t dtype, bool descending, int bits);

#endif
