// The arguments of the kernels in topk.cu.
#ifndef GK_KERNELS_TOPK_H
#define GK_KERNELS_TOPK_H

#include "../core/sort_order.h"
#include "layout.h"

enum {
  GK_TOPK_THREADS = 256,
  GK_TOPK_MOST = 2048, // the largest k that a block finds
  GK_TOPK_WARP = 256   // elements of a line that a warp sorts
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
  const int64_t *sorted; // topk_pick: all places of each line, the best first
  int64_t length, span; // what is searched of a line, and by a block
  uint32_t parts; // of a line
  uint32_t count;
  uint32_t enough; // as many candidates are cut down to the best
  uint32_t bytes; // of an element
} gk_topk_args;

#endif
