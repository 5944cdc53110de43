// The kernels of matrix products and their argument: C = A B for each item of a batch.
//
// A block of GK_MATMUL_THREADS threads computes a tile of C (grid.x) of one item after another (grid.z). The
// operands' tiles, 16 or 8 steps of k deep, go through shared memory, the next one being read while one
// is multiplied. What a tile has too much is 0. Where C has few tiles and k is long, grid.y cuts k into parts
// of `span`, of floats only: their sums go to `partial`, [part][m][n] of the type that is
// accumulated in, and are then reduced.
//
//   wide    128 x 128 of C, 128 x 64 of float64: operands and result of one floating dtype
//   narrow  64 x 64: the same, for products of few tiles
//   any     64 x 64: any dtypes, converted element by element to what is accumulated in: float32 (also for
//           16-bit floats), float64, truth, complex64, or unsigned integers of 32 or 64 bits, of which
//           the low bits are those of every integer dtype
#ifndef GK_KERNELS_MATMUL_H
#define GK_KERNELS_MATMUL_H

#include "layout.h"

enum { GK_MATMUL_THREADS = 256 };

// An operand: its elements' places follow from a row or column of C and from k.
typedef struct gk_matmul_operand {
  const void *data;
  int64_t across, along; // strides: from a row (of A) or column (of B) to the next; along k
  uint8_t dtype;
  uint8_t by_k; // neighbouring threads read along k, else across
  uint8_t packs; // in that direction elements lie side by side, by fours and aligned
} gk_matmul_operand;

typedef struct gk_matmul_arguments {
  gk_matmul_operand a, b;
  void *c;
  int64_t m, n, k, span;
  void *partial; // NULL: results go to c
  int64_t row, column; // strides of C
  gk_layout batch; // of a, b, c
  uint32_t tiles; // of a row of tiles of C
  uint8_t compute, result; // dtypes: the call's, C's
  uint8_t packs; // C's rows, likewise
} gk_matmul_arguments;

// KERNEL(form, dtype, type of the elements, rows and columns of a thread, steps, blocks on a multiprocessor)
#define GK_MATMUL_FLOATS(KERNEL)                                                                   \
  KERNEL(wide, float16, gk_half, 8, 8, 8, 2)                                                       \
  KERNEL(wide, bfloat16, gk_bfloat, 8, 8, 8, 2)                                                    \
  KERNEL(wide, float32, float, 8, 8, 8, 2)                                                         \
  KERNEL(wide, float64, double, 8, 4, 16, 1)                                                       \
  KERNEL(narrow, float16, gk_half, 4, 4, 16, 2)                                                    \
  KERNEL(narrow, bfloat16, gk_bfloat, 4, 4, 16, 2)                                                 \
  KERNEL(narrow, float32, float, 4, 4, 16, 2)                                                      \
  KERNEL(narrow, float64, double, 4, 4, 16, 2)
// KERNEL(what is accumulated in, its type)
#define GK_MATMUL_ANY(KERNEL)                                                                      \
  KERNEL(float32, float)                                                                           \
  KERNEL(float64, double)                                                                          \
  KERNEL(bool, gk_boolean)                                                                         \
  KERNEL(uint32, uint32_t)                                                                         \
  KERNEL(uint64, uint64_t)                                                                         \
  KERNEL(complex64, gk_complex)

#endif
