// The kernels of the running sums and products and their argument. A line is what lies along the axis.
//
//   lines    GK_SCAN_WARPS warps a block (grid.x), each with 32 / lanes lines: `lanes` neighbouring threads
//            share one, with GK_SCAN_RUN elements each; what does not fit goes round again
//   tiles    a block has a tile of a line (grid.x, lines times tiles), whose number comes from a ticket:
//            it begins with what the tiles before it have come to, by looking back (scan.cuh)
//   columns  lines side by side: `lanes` threads have a line each, and the block's GK_SCAN_THREADS / lanes
//            rows of threads share what is below one another (grid.x); grid.y cuts lines into segments of
//            `span`, whose totals another launch has written before, with `totals` set
//
// All cuts follow from shapes and dtypes, so that the order of additions does as well.
#ifndef GK_KERNELS_SCAN_H
#define GK_KERNELS_SCAN_H

#include "layout.h"

enum {
  GK_SCAN_THREADS = 256,
  GK_SCAN_WARPS = GK_SCAN_THREADS / 32,
  GK_SCAN_RUN = 8, // neighbours that a thread takes, where dtypes are not the kernel's own
  GK_SCAN_GROUP = 32 // tiles of a group, groups of a larger one
};

typedef struct gk_scan_arguments {
  gk_layout lines; // where lines begin: operand 0 is read, operand 1 written
  const void *in;
  void *out;
  int64_t length, in_step, out_step; // of a line, in elements
  int64_t span; // columns: elements of a segment
  void *before; // columns: states, [segment][line]
  // tiles: what has been published, all 0 at first; see gk_scan_before.
  uint32_t *ticket;
  uint64_t *tile_states, *group_states, *chain_states;
  uint32_t tiles, groups, chain; // of a line
  uint32_t lanes;
  uint8_t from, result, result_bytes; // dtypes
  uint8_t cut; // the integer dtype that a float becomes first, or 0
  uint8_t in_packs, out_packs; // lines lie together and are aligned for vectors
  uint8_t totals; // columns: only what segments come to
} gk_scan_arguments;

// Elements of a tile of a kernel for dtypes of `size` bytes, whose threads have 16 bytes of neighbours in each
// of GK_SCAN_ROWS rows, or for any (0).
#define GK_SCAN_ROWS 6
#define GK_SCAN_TILE(size)                                                                         \
  ((size) == 0 ? GK_SCAN_THREADS * GK_SCAN_RUN : GK_SCAN_THREADS * GK_SCAN_ROWS * 16 / (size))

// (kind, dtype, type): kinds are those of scan_fold.cuh. `any` has all layouts, the others tiles.
#define GK_SCAN_SUMS(KERNEL)                                                                       \
  KERNEL(real, float16, gk_half)                                                                   \
  KERNEL(real, bfloat16, gk_bfloat)                                                                \
  KERNEL(real, float32, float)                                                                     \
  KERNEL(real, float64, double)                                                                    \
  KERNEL(whole, int32, int32_t)                                                                    \
  KERNEL(whole, int64, int64_t)                                                                    \
  KERNEL(pair, complex64, gk_complex)
#define GK_SCAN_ANY_SUMS(KERNEL) KERNEL(real) KERNEL(whole) KERNEL(pair)
#define GK_SCAN_ANY_PRODUCTS(KERNEL) KERNEL(factors) KERNEL(whole_factors)

#endif
