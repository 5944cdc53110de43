// The contract between reduce.c, reduce_log.c and reduce_simd.c.
//
// A kernel folds a block of `rows` rows of `cols` contiguous elements, `stride` elements apart,
// into accumulators that the caller has set to the identity: a row kernel has one
// accumulator a row, a column kernel one a column. The order of every fold depends on the sizes
// alone, and is the same in all instruction sets, down to the lanes of floating sums.
#ifndef GK_CPU_REDUCE_H
#define GK_CPU_REDUCE_H

#include "cpu.h"

typedef void (*gk_reduce_fn)(int64_t rows, int64_t cols, const void *x, int64_t stride, void *acc);
// The same with accumulators of two parts, in arrays of their own. `base` says how many elements
// (column kernels: rows) came before.
typedef void (*gk_reduce_two_fn)(int64_t rows, int64_t cols, const void *x, int64_t stride,
                                 int64_t base, void *first, void *second);

// By kind and dtype of the elements; NULL where there is none. Accumulators: sum and prod have double
// for floats, two of them for complex64, and wrapping 64 bits for integers and bool; min and max the
// elements' own dtype; any and all bool; count 64 bits.
typedef enum gk_reduce_kind {
  GK_REDUCE_SUM,
  GK_REDUCE_PROD,
  GK_REDUCE_MIN,
  GK_REDUCE_MAX,
  GK_REDUCE_ANY,
  GK_REDUCE_ALL,
  GK_REDUCE_COUNT,
  GK_REDUCE_KINDS
} gk_reduce_kind;

// With accumulators of two parts:
//   smallest, largest  the extreme, of the elements' dtype, and the place where it comes first,
//                      counted from 0 at `base` = 0. A row kernel's places are int64; a column
//                      kernel's have 4 bytes where an element has 4, else 8, and there is none
//                      for smaller elements.
//   moments            mean and sum of the squared deviations from it, both double
//   log                largest element, of the elements' dtype, and the sum of e to the power of what
//                      the others are above it, double
typedef enum gk_reduce_two_kind {
  GK_REDUCE_SMALLEST,
  GK_REDUCE_LARGEST,
  GK_REDUCE_MOMENTS,
  GK_REDUCE_LOG,
  GK_REDUCE_TWO_KINDS
} gk_reduce_two_kind;

typedef struct gk_reduce_two {
  gk_reduce_two_fn row, column;
} gk_reduce_two;

typedef struct gk_reduce_kernels {
  struct {
    gk_reduce_fn row, column;
  } fold[GK_REDUCE_KINDS][GK_DTYPE_COUNT];
  gk_reduce_two two[GK_REDUCE_LOG][GK_DTYPE_COUNT];
} gk_reduce_kernels;

GK_KERNELS(gk_reduce_kernels, gk_reduce)

// Kernels of kind log (reduce_log.c), made of others.
gk_reduce_two gk_reduce_log(uint8_t dtype);
// The part `count` of partial results of each of n accumulators, `stride` cells apart, in one:
// first and second are the first of them.
void gk_reduce_log_merge(uint8_t dtype, int64_t n, int64_t count, int64_t stride,
                         const void *firsts, const double *seconds, void *first, double *second);

#endif
