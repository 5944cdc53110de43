// Joining arrays: concatenate and stack, as one copy into each part of the result. It is part of core/
// because only copies are needed, which every device has.
#include <string.h>

#include "rules.h"

#define FIRST 20 // of the operands' handles in the block
#define MOST (GK_BLOCK_BYTES / 2 / 4 - FIRST)
enum { STACK = 1, FLATTEN = 2 };

typedef struct join {
  gk_context *c;
  gk_isolate *iso;
  gk_stream *stream;
  const char *name;
  uint32_t count, flags;
  int axis, ndim;
  uint8_t dtype;
  int64_t shape[GK_MAX_DIMS]; // of the result
} join;

static const gk_view *operand(const join *j, uint32_t i) {
  return &gk_array_get(j->iso, j->iso->in_u32[FIRST + i])->view;
}

// Axis, rank and the result's lengths as the first operand has them.
static bool begin_shape(join *j, int axis) {
  const gk_view *v = operand(j, 0);
  const int added = j->flags & STACK ? 1 : 0;
  j->ndim = j->flags & FLATTEN ? 1 : v->ndim + added;
  if (j->ndim == 0)
    return gk_fail(j->iso, GK_SHAPE, "%s: arrays without axes cannot be joined; use stack",
                   j->name);
  if (j->ndim > GK_MAX_DIMS)
    return gk_fail(j->iso, GK_SHAPE,
                   "%s: the result would have %d dimensions; at most %d are "
                   "supported",
                   j->name, j->ndim, GK_MAX_DIMS);
  if (axis < -j->ndim || axis >= j->ndim)
    return gk_fail(j->iso, GK_SHAPE, "%s: axis %d is out of range for %d dimension%s", j->name,
                   axis, j->ndim, j->ndim == 1 ? "" : "s");
  j->axis = axis < 0 ? axis + j->ndim : axis;
  j->dtype = v->dtype;
  if (j->flags & FLATTEN) {
    j->shape[0] = 0;
    return true;
  }
  for (int i = 0; i < j->ndim; i++) j->shape[i] = v->shape[i - (added && i > j->axis)];
  j->shape[j->axis] = j->flags & STACK ? j->count : 0;
  return true;
}

// Adds operand i's dtype and length.
static bool add_operand(join *j, uint32_t i) {
  const gk_view *v = operand(j, i), *first = operand(j, 0);
  if (v->storage->device != j->stream->device)
    return gk_fail(j->iso, GK_DEVICE,
                   "%s: operand %u lies on %s, the op runs on %s; move it with "
                   "to()",
                   j->name, i + 1, v->storage->device->name, j->stream->device->name);
  const uint8_t common = gk_promote(j->dtype, v->dtype);
  if (!common)
    return gk_fail(j->iso, GK_DTYPE,
                   "%s: %s and %s have no common dtype: uint64 with a signed integer needs a cast "
                   "with astype()",
                   j->name, gk_dtypes[j->dtype].name, gk_dtypes[v->dtype].name);
  j->dtype = common;
  if (j->flags & FLATTEN) {
    j->shape[0] += v->size;
    return true;
  }
  bool fits = v->ndim == first->ndim;
  for (int k = 0; fits && k < v->ndim; k++)
    fits = v->shape[k] == first->shape[k] || (!(j->flags & STACK) && k == j->axis);
  if (!fits) {
    char a[160], b[160];
    return gk_fail(j->iso, GK_SHAPE,
                   "%s: operand %u has shape %s, which does not fit the first one's %s%s", j->name,
                   i + 1, gk_shape_text(a, sizeof a, v->shape, v->ndim),
                   gk_shape_text(b, sizeof b, first->shape, first->ndim),
                   j->flags & STACK ? ": shapes must be equal"
                                    : ": shapes must be equal but for the axis that is joined");
  }
  if (!(j->flags & STACK)) j->shape[j->axis] += v->shape[j->axis];
  return true;
}

// The part of `out` that operand v goes to, `at` places along the axis, in v's shape.
static gk_view part_of(const join *j, const gk_view *out, const gk_view *v, int64_t at) {
  gk_view part = *v;
  part.storage = out->storage;
  part.dtype = out->dtype;
  part.offset = out->offset + at * out->strides[j->axis] * gk_dtypes[out->dtype].size;
  if (j->flags & FLATTEN) {
    gk_view_make_contiguous(&part);
    for (int i = 0; i < part.ndim; i++) part.strides[i] *= out->strides[0];
  } else {
    const bool added = j->flags & STACK;
    for (int i = 0; i < part.ndim; i++) part.strides[i] = out->strides[i + (added && i >= j->axis)];
  }
  gk_view_update_contiguous(&part);
  return part;
}

static uint32_t run(join *j, uint32_t ctx, uint32_t out_handle) {
  double bytes = gk_dtypes[j->dtype].size;
  for (int i = 0; i < j->ndim; i++) bytes *= (double)j->shape[i];
  if (bytes > 0x1p53)
    return gk_fail(j->iso, GK_OUT_OF_MEMORY, "%s: the result would have %g bytes", j->name, bytes);
  gk_array *out;
  if (out_handle) {
    out = gk_check_out(j->iso, GK_OP_concatenate, out_handle, j->dtype, j->ndim, j->shape);
    if (!out) return 0;
    if (out->view.storage->device != j->stream->device)
      return gk_fail(j->iso, GK_DEVICE, "%s: out lies on %s, the op runs on %s", j->name,
                     out->view.storage->device->name, j->stream->device->name);
    for (uint32_t i = 0; i < j->count; i++)
      if (!gk_check_overlap(j->iso, GK_OP_concatenate, &out->view, operand(j, i), false)) return 0;
  } else {
    out = gk_new_out(j->c, ctx, j->stream, GK_OP_concatenate, j->dtype, j->ndim, j->shape);
    if (!out) return 0;
  }
  int64_t at = 0;
  for (uint32_t i = 0; i < j->count; i++) {
    const gk_view *v = operand(j, i);
    if (v->size > 0) {
      const gk_view part = part_of(j, &out->view, v, at);
      gk_call call = gk_copy_call(v, &part);
      if (!gk_dispatch(j->c, j->stream, &call, NULL)) {
        if (!out_handle) gk_array_remove(j->iso, out);
        return 0;
      }
    }
    at += j->flags & FLATTEN ? v->size : j->flags & STACK ? 1 : v->shape[j->axis];
  }
  return out->handle;
}

uint32_t gk_submit_join(uint32_t ctx, uint32_t word, uint32_t count, int32_t axis, uint32_t flags) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  join j = {.c = c, .iso = iso, .count = count, .flags = flags};
  j.name = flags & STACK ? "stack" : "concatenate";
  if (count == 0 || count > MOST)
    return gk_fail(iso, GK_ARGUMENT, "%s: %u arrays cannot be joined; 1 to %u can", j.name, count,
                   (unsigned)MOST);
  for (uint32_t i = 0; i < count; i++)
    if (!gk_array_get(iso, iso->in_u32[FIRST + i]))
      return gk_fail(iso, GK_DISPOSED, "%s: operand %u is disposed", j.name, i + 1);
  j.stream =
      word >> 16 ? gk_stream_find(c, word >> 16, j.name) : gk_stream_of(c, operand(&j, 0), j.name);
  if (!j.stream || !begin_shape(&j, axis)) return 0;
  for (uint32_t i = 0; i < count; i++)
    if (!add_operand(&j, i)) return 0;
  return run(&j, ctx, iso->in_u32[16]);
}
