// The arguments of the kernels that sort lines: sort_lines.cu, a line in one block or warp, and sort_radix.cu,
// lines of any length.
#ifndef GK_KERNELS_SORT_H
#define GK_KERNELS_SORT_H

#include "../core/sort_order.h"
#include "layout.h"

enum {
  GK_SORT_WARP = 32, // elements of a line that a warp sorts
  GK_SORT_WARP_THREADS = 256,
  GK_SORT_SMALL_THREADS = 256,
  GK_SORT_SMALL = 1024, // elements of a line that a small block sorts
  GK_SORT_THREADS = 384,
  GK_SORT_DIGITS = 256, // values of the eight bits that a pass sorts by
  GK_SORT_COUNT_THREADS = 256,
  GK_SORT_COUNT_BLOCK = 16 * GK_SORT_COUNT_THREADS // elements that are worth a block
};
// Elements of a tile: of a block of one pass, and of the longest line that one block sorts.
#define GK_SORT_ROUNDS(item_bytes) (84 / (item_bytes))
#define GK_SORT_TILE(item_bytes) (GK_SORT_THREADS * GK_SORT_ROUNDS(item_bytes))

// What is sorted are items: keys of 32 or 64 bits (8 and 16 bits in the low ones), for places keys of 32 bits
// above places of 32 bits, or keys of 64 bits with places beside them.
typedef struct gk_sort_args {
  gk_layout lines; // all axes but the one that is sorted: where a line begins in `in`, in `out`
  gk_sort_order order;
  const void *in;
  void *out; // elements, or int64 places
  int64_t n, in_step, out_step; // elements of a line, and from one to the next
  uint32_t bytes; // of an element
  uint32_t places; // they are what is asked for
  uint32_t passes; // bytes of a key
  uint32_t width; // sort_warp_*: lanes of a line, a power of two
  // sort_radix.cu: [line] and [line][place in the line] as far as nothing else is said
  uint64_t
      *starts; // [line][pass][digit]: elements of the digit; after sort_starts, of those below it
  uint32_t *active; // a bit for each pass that moves anything, one at least
  uint32_t *tickets; // [pass]: tiles that have begun
  void *words; // [parity of the pass][line][tile][digit]: see sort_radix.cu
  void *items[2]; // between passes, in turn
  uint32_t *beside[2]; // places of keys of 64 bits
  int64_t count_block; // elements of a block that counts
  uint32_t count_blocks; // for a line
  uint32_t tiles; // of a line
  uint32_t pass;
  uint32_t wide; // words of 64 bits: always beside places, else from 2^30 elements on
} gk_sort_args;

#endif
