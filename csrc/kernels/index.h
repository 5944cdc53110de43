// The arguments of the kernels in index.cu, index_along.cu and index_mask.cu.
#ifndef GK_KERNELS_INDEX_H
#define GK_KERNELS_INDEX_H

#include "fault.h"
#include "strided.h"

// What indices are checked against: as unsigned, index plus `wrap` where it is negative must be below
// `length`. `wrap` is the length, or 0 where no index counts from the end.
typedef struct gk_axis_check {
  int64_t length, wrap;
  int64_t step;           // from one place to the next, in elements
  gk_fault_record
      *fault; // for an index that is out of range; NULL: such places are simply not there
  int32_t op, number;     // for the record: the op with its flags there, the number of the axis
  uint32_t dtype;         // of the indices
} gk_axis_check;

// out[e] = in[e + index[e] * step], 0 where the index is out of range.
typedef struct gk_gather_args {
  gk_layout layout; // of all elements: places in `out`, in `in` without the axis, in `index`
  gk_axis_check axis;
  void *out;
  const void *in, *index;
} gk_gather_args;

// out = first * axis.length + second
typedef struct gk_flat_index_args {
  gk_layout layout; // places in `out`, in both indices
  gk_axis_check before, axis; // before.length 0: not checked
  int64_t *out;
  const void *first, *second;
  int64_t most; // the largest |first| whose result is certain to fit
} gk_flat_index_args;

// array[e + index[e] * step] becomes or grows by value[e].
typedef struct gk_change_args {
  // Of the lanes: all axes but the one that is indexed, of whose elements a lane consists. Places in
  // `array`, `index`, `value`. For index_add_whole: of all elements.
  gk_layout layout;
  gk_layout row; // index_change_owners: lanes with the same indices, which are one of `layout`
  uint32_t row_blocks; // blocks for such a row
  gk_axis_check axis;
  void *array;
  const void *index, *value;
  int64_t count; // indices in a lane
  int64_t index_step, value_step; // along a lane
  uint32_t owners; // a power of two: a place belongs to one of so many
  uint32_t dtype; // 0: elements are replaced; else added to as this dtype's
  uint32_t bytes; // of an element
} gk_change_args;

enum { GK_COUNTS = 4096 }; // counts of a block

// out[i] = how many elements lie between edges i and i + 1.
typedef struct gk_histogram_args {
  gk_strided arrays; // of the elements alone
  const void *in, *edges;
  void *numbers; // the edges as float32 or float64, one behind the other
  int64_t *out;
  int64_t bins, edge_step, out_step;
  uint32_t edge_dtype;
  uint32_t compute; // the dtype of the comparison
  uint32_t copies;  // of each bin's count in a block: a power of two up to 32
} gk_histogram_args;

// array[index[i] * step] grows by one value for each index.
typedef struct gk_count_args {
  gk_axis_check axis; // of at most GK_COUNTS places
  void *array;
  const void *index, *value;
  int64_t count, index_step;
  uint32_t bytes; // of an element: 4 or 8
  uint32_t copies;
} gk_count_args;

enum { GK_SELECT_TILE = 4096 }; // elements of the mask that a block has

// Counts and lists what is true in a mask.
typedef struct gk_select_args {
  gk_layout layout; // of the mask: places in it, and what is listed of an element
  const void *mask;
  uint64_t truth; // an element is true where it has any of these bits
  int64_t
      *counts; // true elements of each tile; after the scan, of the tiles before it; then of all
  int64_t tiles;
  int64_t *list;
  int64_t list_step, room; // as many as are written
  int64_t origin;  // what is added to each place
  int64_t missing; // what is written where too few are true
  uint32_t bytes; // of an element of the mask
} gk_select_args;

// Numbers of elements as their indices: out[axis * axis_step + i * step].
typedef struct gk_unravel_args {
  gk_layout shape; // not merged
  const int64_t *list;
  int64_t *out;
  int64_t count, axis_step, step;
} gk_unravel_args;

#endif
