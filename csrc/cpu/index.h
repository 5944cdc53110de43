// What the files of the indexing family share: index.c (take), index_along.c (one index for each
// element along an axis), index_mask.c (what a mask or the non-zero elements choose) and the loops
// of index_simd.c.
#ifndef GK_CPU_INDEX_H
#define GK_CPU_INDEX_H

#include "cpu.h"

gk_status gk_cpu_take(const gk_call *call, gk_error *error);
gk_status gk_cpu_along(const gk_call *call, gk_error *error);
gk_status gk_cpu_flat_index(const gk_call *call, gk_error *error);
gk_status gk_cpu_mask(const gk_call *call, gk_error *error);
gk_status gk_cpu_histogram(const gk_call *call, gk_error *error);

// ---- loops for one instruction set

// Copies those of n elements whose mask byte is not 0, at most `room` of them, and returns how many.
// Beyond those, memory below the smaller of n and `room` may be written too.
typedef int64_t (*gk_select_fn)(int64_t n, const uint8_t *mask, const void *in, void *out,
                                int64_t room);

typedef struct gk_index_kernels {
  gk_select_fn select[9];                           // by the bytes of an element
  int64_t (*count)(int64_t n, const uint8_t *mask); // bytes that are not 0
  // Counts n floats, at most GK_INDEX_BLOCK, into `bins` bins between edges. A bin has `tables` counts
  // side by side, a power of two, that neighbours take in turn. [float64]
  void (*bin[2])(int64_t n, const void *x, const void *edges, int64_t bins, int tables,
                 int64_t *counts);
} gk_index_kernels;

GK_KERNELS(gk_index_kernels, gk_index)

// ---- walking

#define GK_INDEX_BLOCK 1024 // elements that go through a block in L1

// Axes [from, to) of a view as a view of their own; only shape, strides and size of it are used.
gk_view gk_index_axes(const gk_view *v, int from, int to);
int64_t gk_index_loop_size(const gk_loop *l);
// An operand's place in elements, from the number of an element in row-major order.
int64_t gk_index_loop_at(const gk_loop *l, int operand, int64_t flat);
// Do all elements of an operand lie one behind the other?
bool gk_index_linear(const gk_loop *l, int operand);
// n elements of an operand from number `begin` on, in row-major order: where they lie if that is
// without gaps, else copied to `block`. And the reverse: elements in `block` to where they belong.
const void *gk_index_read(const gk_loop *l, int operand, int size, const char *base, int64_t begin,
                          int64_t n, void *block);
void gk_index_write(const gk_loop *l, int operand, int size, char *base, int64_t begin, int64_t n,
                    const void *block);
// All elements of a loop are copied from operand 0 to operand 1; zeros where `in` is NULL.
void gk_index_move(const gk_loop *l, int size, const char *in, char *out);

// ---- indices

// The place of an index that is out of range. Strides may be negative, so -1 can be a place.
#define GK_NOWHERE INT64_MIN

// n indices of any integer dtype as int64, from number `begin` on; those that an int64 cannot hold as
// INT64_MIN. Where they lie, or in `block`; `raw` holds GK_INDEX_BLOCK elements of 8 bytes, as `block`.
const int64_t *gk_index_numbers(const gk_loop *l, int operand, uint8_t dtype, const char *base,
                                int64_t begin, int64_t n, void *raw, int64_t *block);
// What indices are checked against. An index below 0 counts from the end where `wrap` is the length,
// and is out of range where it is 0; `step` leads from one place to the next.
typedef struct gk_index_axis {
  int64_t length, wrap, step;
} gk_index_axis;
// Is every index from 0 to length - 1?
bool gk_index_within(int64_t n, const int64_t *index, int64_t length);
// place[i] = index[i] * step, GK_NOWHERE where that is out of range; false if any is.
bool gk_index_resolve(const gk_index_axis *axis, int64_t n, const int64_t *index, int64_t *place);
// The same on top of the places of an operand's elements, from number `begin` on.
bool gk_index_resolve_at(const gk_index_axis *axis, const gk_loop *l, int operand, int64_t begin,
                         int64_t n, const int64_t *index, int64_t *place);
// Elements at those places, 0 for nowhere.
void gk_index_pick(int64_t n, int size, const char *in, const int64_t *place, void *out);
// The error that names the first index out of range, and the number of the array's axis.
gk_status gk_index_fault(const gk_call *call, const gk_view *indices, const gk_index_axis *axis,
                         int number, gk_error *error);

#endif
