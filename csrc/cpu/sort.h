// What the files of the sort family share. Elements become keys: signed integers whose order is the
// order asked for, int32 for elements of up to 32 bits and int64 for wider ones. What is sorted is
// one kind of *item*, an int32 or an int64: keys themselves, or keys with their places below them,
// which makes every sort of places stable.
//
//   sort.c         sort and argsort: lines, tiles of lines, one line by several threads
//   sort_items.c   items: the method for a length and instruction set; radix sort; places of wide keys
//   sort_topk.c    topk
//   sort_search.c  searchsorted
//   sort_simd.c    elements to keys and back, filters, searches in lockstep
//   sort_quick_simd.c  items by a vectorised quicksort
#ifndef GK_CPU_SORT_H
#define GK_CPU_SORT_H

#include "../core/sort_order.h"
#include "cpu.h"

typedef struct gk_sort_table {
  // By log2 of the element's size.
  void (*to_keys[4])(int64_t n, const void *in, void *keys, const gk_sort_order *order);
  void (*from_keys[4])(int64_t n, const void *keys, void *out, const gk_sort_order *order);
  // key << 32 | place, places counted from `first`
  void (*pack)(int64_t n, const int32_t *keys, int64_t *items, int64_t first);
  // (key - least) >> shift, which fits, and below it `place_bits` of the place
  void (*pack_wide)(int64_t n, const int64_t *keys, uint64_t least, int shift, int place_bits,
                    int64_t *items, int64_t first);
  void (*places)(int64_t n, const int64_t *items, int place_bits, int64_t *out);
  void (*range)(int64_t n, const int64_t *keys, int64_t *least, int64_t *most); // widens it
  // Appends the keys up to *limit with their places to `kept` and `places`, which have room for n
  // more, and returns how many there are. [wide]
  int64_t (*filter[2])(int64_t n, const void *keys, const void *limit, int64_t first, void *kept,
                       int64_t *places);
  // How many of the n sorted keys are less than (right: or equal to) each of m values. [wide]
  void (*search[2])(int64_t n, const void *keys, int64_t m, const void *values, bool right,
                    int64_t *out);
} gk_sort_table;

GK_KERNELS(gk_sort_table, gk_sort_kernels)

// By width of the items: [wide].
typedef struct gk_quick_table {
  // Sorts n items in place; `other` has room for as many. NULL: a radix sort is faster.
  void (*sort[2])(int64_t n, void *items, void *other);
  // Items below the pivot go to `low`, the others to `high`, both in their order and with room for
  // n; one of both may be `items` itself. Returns how many are below.
  int64_t (*partition[2])(int64_t n, const void *items, const void *pivot, void *low, void *high);
} gk_quick_table;

GK_KERNELS(gk_quick_table, gk_quick_kernels)

// ---- items (sort_items.c)

// Sorts n items with `other` as room for as many. In their low `sorted_bytes` bytes the items are
// in order already. Returns which of both holds the result.
void *gk_sort_items(bool wide, int64_t n, void *items, void *other, int sorted_bytes);
// gk_quick_table's partition for any instruction set.
int64_t gk_sort_partition(bool wide, int64_t n, const void *items, const void *pivot, void *low,
                          void *high);
// By bytes, the least significant first: the time is linear whatever the items are.
void *gk_sort_radix(bool wide, int64_t n, void *items, void *other, int sorted_bytes);

// n elements along an axis and how they become keys.
typedef struct gk_sort_line {
  const char *data; // of element 0
  int64_t n, stride;
  gk_cast_fn cast; // where the elements have another dtype than the keys are made for
  int size, log2; // of an element; of one of that dtype
  gk_sort_order order;
  // For places (gk_sort_measure). Items of wide keys have only the highest bits of their range:
  // those that the places leave free.
  uint64_t least;
  int shift, place_bits;
} gk_sort_line;

static inline bool gk_sort_wide(const gk_sort_line *l) { return l->log2 == 3; }
// The keys of elements [begin, begin + count).
void gk_sort_keys(const gk_sort_line *l, int64_t begin, int64_t count, void *keys);
// Their items with places; gk_sort_measure comes first.
void gk_sort_pack(const gk_sort_line *l, int64_t begin, int64_t count, int64_t *items);
// Finds least, shift and place_bits.
void gk_sort_measure(gk_sort_line *l);
// Sorts n such items, with `room` for 2n. They end where they were or in the first half of `room`.
int64_t *gk_sort_packed(const gk_sort_line *l, int64_t n, int64_t *items, int64_t *room);
// The places that sort the line, in one of the buffers of n each in `room` (GK_SORT_ROOMS of them).
#define GK_SORT_ROOMS 3
int64_t *gk_sort_places(gk_sort_line *l, int64_t *room);

// ---- lines (sort.c)

// All lines of a call: gives each one's place in its input and outputs.
typedef struct gk_sort_lines {
  gk_loop other; // the axes but the one sorted; operand 0 is the input
  int64_t count, n;
} gk_sort_lines;
void gk_sort_lines_of(gk_sort_lines *lines, const gk_call *call);
// Where line i of operand k begins, in elements.
int64_t gk_sort_line_offset(const gk_sort_lines *lines, int k, int64_t i);

gk_status gk_cpu_topk(const gk_call *call, gk_error *error);
gk_status gk_cpu_searchsorted(const gk_call *call, gk_error *error);

#endif
