// The arguments of the kernels in sort_topk.cu and sort_topk_long.cu.
#ifndef GK_KERNELS_TOPK_H
#define GK_KERNELS_TOPK_H

#include "../core/sort_order.h"
#include "layout.h"

enum {
  GK_TOPK_THREADS = 256,
  GK_TOPK_MOST = 2048, // the largest k that a block finds
  GK_TOPK_WARP = 256,  // elements of a line that a warp sorts
  GK_TOPK_TILE = 4096  // elements of a line that a block lists
};

// The best `count` elements of each part of a line, of which a block has one.
typedef struct gk_topk_args {
  gk_layout lines; // all axes but the one searched: places in `in`, `values`, `indices`
  gk_sort_order order;
  const void *in;
  void *values;
  int64_t *indices;
  int64_t in_step, value_step, index_step; // along a line
  // What an earlier launch has found, line after line: searched instead of the elements unless NULL.
  const void *keys;
  const uint32_t *places;
  // Where to list what is found, `count` for each part; NULL: it is the result.
  void *found_keys;
  uint32_t *found_places;
  // topk_pick: numbers of elements, the best first, `sorted_length` for each line; of what is listed for
  // it in `places`, unless NULL.
  const int64_t *sorted;
  int64_t sorted_length;
  int64_t length, span; // what is searched of a line, and by a block
  uint32_t parts; // of a line
  uint32_t count;
  uint32_t enough; // as many candidates are cut down to the best
  uint32_t bytes; // of an element
} gk_topk_args;

// What is known of a line's k-th element.
typedef struct gk_topk_state {
  uint64_t key; // its first digits
  uint32_t rank; // its number among the elements that have them, from 1 on
  uint32_t ended; // blocks that have counted the next digit
} gk_topk_state;

// All elements up to the k-th, which is `count`, of long lines.
typedef struct gk_topk_long_args {
  gk_layout lines; // places in `in`
  gk_sort_order order;
  const void *in;
  int64_t in_step;
  int64_t length, span; // of a line, and of what a block counts
  uint32_t count, bytes; // of an element
  uint32_t blocks, tiles; // of a line: that count, and that list
  uint32_t shift; // of the digit
  uint32_t is_first; // digit
  gk_topk_state *states; // of each line
  uint32_t *counts; // 256 for each line, 0 before the first digit
  uint64_t *tallies; // for each tile; after topk_tallies, of the tiles before it
  // The list: `count` for each line.
  void *found;
  uint32_t *found_places;
} gk_topk_long_args;

#endif
