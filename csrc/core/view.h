// A view: shape, strides and place of elements in a storage. All shape logic of the library,
// pure functions without memory of their own, fuzzed by tests/native/view_fuzz.c.
//
// Strides count elements, not bytes, and may be negative or 0. A view never
// reaches outside its storage.
#ifndef GK_CORE_VIEW_H
#define GK_CORE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "../gpukit.h"
#include "dtype.h"

struct gk_storage;

typedef struct gk_view {
  struct gk_storage *storage;
  int64_t offset; // of the first element, in bytes from the storage's start
  int64_t size;   // number of elements
  uint8_t dtype, ndim;
  bool contiguous; // row-major without gaps
  int64_t shape[GK_MAX_DIMS];
  int64_t strides[GK_MAX_DIMS];
} gk_view;

// Where the loops of an op run over several views of one broadcast shape: axes of length 1
// dropped, neighbours merged where every view allows it, and ordered as given.
#define GK_MAX_OPERANDS 6
typedef struct gk_loop {
  int ndim; // at least 1
  int64_t shape[GK_MAX_DIMS];
  int64_t strides[GK_MAX_OPERANDS][GK_MAX_DIMS]; // in elements of each operand
} gk_loop;

// The views must have been broadcast to the same rank and shape. A NULL entry is skipped (its
// strides are 0).
void gk_loop_build(gk_loop *loop, int count, const gk_view *const *views);

static inline int64_t gk_view_bytes(const gk_view *v) { return v->size * gk_dtypes[v->dtype].size; }
static inline bool gk_same_shape(const gk_view *a, const gk_view *b) {
  if (a->ndim != b->ndim) return false;
  for (int i = 0; i < a->ndim; i++)
    if (a->shape[i] != b->shape[i]) return false;
  return true;
}

// Row-major strides, size and the contiguous flag from shape and ndim.
void gk_view_make_contiguous(gk_view *v);
// Sets the contiguous flag from shape and strides.
void gk_view_update_contiguous(gk_view *v);

// Broadcast `shape` (of `ndim`) with b's shape in place; false where they do not fit or there are
// too many axes.
bool gk_broadcast_shape(int64_t *shape, int *ndim, const gk_view *b);
// `v` seen with a broadcast shape that it fits; false where it does not.
bool gk_broadcast_view(gk_view *out, const gk_view *v, const int64_t *shape, int ndim);
// Resolves a gk_view_kind with its arguments; on failure writes a message of what is wrong
// (without the op's name) and returns the status.
gk_status gk_view_apply(gk_view *out, const gk_view *v, gk_view_kind kind, const double *args,
                        int count, char *message, int message_bytes);
// May an element of one be an element of the other? Exact for what slicing can make in
// most cases, else true.
bool gk_views_overlap(const gk_view *a, const gk_view *b);
// Do two different places of the view share an element (a zero stride)?
bool gk_view_repeats(const gk_view *v);
// "[2, 3]"; returns buffer.
char *gk_shape_text(char *buffer, int bytes, const int64_t *shape, int ndim);

#endif
