// The contract between reduce.c and reduce_simd.c.
//
// A kernel folds a block of `rows` rows of `cols` contiguous elements, `stride` elements apart,
// into accumulators that the caller has set to the identity: a row kernel has one
// accumulator a row, a column kernel one a column. The order of every fold depends on the sizes
// alone, and is the same in all instruction sets, down to the lanes of floating sums.
#ifndef GK_CPU_REDUCE_H
#define GK_CPU_REDUCE_H

#include "cpu.h"

typedef void (*gk_reduce_fn)(int64_t rows, int64_t cols, const void *x, int64_t stride, void *acc);
// Keeps the extreme `value`s and the places where they come first: element c of a row is
// place base + c for a row kernel, row r is place base + r for a column kernel. A row kernel's
// places are int64; a column kernel's have 4 bytes where a value has 4, else 8.
typedef void (*gk_reduce_place_fn)(int64_t rows, int64_t cols, const void *x, int64_t stride,
                                   int64_t base, void *value, void *place);

typedef enum gk_reduce_kind {
  GK_REDUCE_SUM,
  GK_REDUCE_PROD,
  GK_REDUCE_MIN,
  GK_REDUCE_MAX,
  GK_REDUCE_ANY,
  GK_REDUCE_ALL,
  GK_REDUCE_KINDS
} gk_reduce_kind;

// By kind and dtype of the elements; NULL where there is none. Accumulators: sum and prod have double
// for floats and wrapping 64 bits for integers and bool; min and max the elements' own dtype;
// any and all bool.
typedef struct gk_reduce_kernels {
  struct {
    gk_reduce_fn row, column;
  } fold[GK_REDUCE_KINDS][GK_DTYPE_COUNT];
  struct {
    gk_reduce_place_fn row, column; // column: only for items of 4 and 8 bytes
  } place[2][GK_DTYPE_COUNT];       // 0: of the smallest, 1: of the largest
} gk_reduce_kernels;

GK_KERNELS(gk_reduce_kernels, gk_reduce)

#endif
