// Rules of indexing.
#include <string.h>

#include "request.h"

static bool take_rule(gk_request *r) {
  if (!gk_request_indices(r, 1)) return false;
  int axis = 0;
  if (r->flags & GK_WHOLE) {
    if (!gk_request_flatten(r, 0)) return false;
  } else if (!gk_request_axis(r, 0, r->in[0]->ndim, &axis)) {
    return false;
  }
  const gk_view *v = r->in[0], *indices = r->in[1];
  r->ndim = v->ndim - 1 + indices->ndim;
  if (r->ndim > GK_MAX_DIMS)
    return gk_fail(r->iso, GK_SHAPE,
                   "take: the result would have %d dimensions; at most %d are "
                   "supported",
                   r->ndim, GK_MAX_DIMS);
  int n = 0;
  for (int i = 0; i < axis; i++) r->shape[n++] = v->shape[i];
  for (int i = 0; i < indices->ndim; i++) r->shape[n++] = indices->shape[i];
  for (int i = axis + 1; i < v->ndim; i++) r->shape[n++] = v->shape[i];
  r->call.compute = r->result = v->dtype;
  r->call.axis = (int8_t)axis;
  return gk_request_fits(r);
}

// The shape in which indices and values meet: the array's, the axis as long as that of the indices.
static bool along_shape(gk_request *r, const gk_view *array, const gk_view *indices, int *axis,
                        int64_t *shape) {
  char a[160], b[160];
  if (r->count != 1) return gk_request_miscounted(r);
  if (!gk_request_axis(r, 0, array->ndim, axis)) return false;
  if (array->ndim != indices->ndim)
    return gk_fail(r->iso, GK_SHAPE,
                   "%s: the indices %s must have as many axes as the array %s; "
                   "use take() for one list for all",
                   gk_op_name(r->op), gk_shape_text(b, sizeof b, indices->shape, indices->ndim),
                   gk_shape_text(a, sizeof a, array->shape, array->ndim));
  memcpy(shape, array->shape, sizeof array->shape);
  shape[*axis] = indices->shape[*axis];
  return true;
}

static bool take_along_axis_rule(gk_request *r) {
  int axis;
  if (!gk_request_indices(r, 1) || !along_shape(r, r->in[0], r->in[1], &axis, r->shape))
    return false;
  // Both broadcast, but along the axis.
  const gk_view *array = r->in[0], *indices = r->in[1];
  int64_t shape[GK_MAX_DIMS];
  r->ndim = array->ndim;
  for (int i = 0; i < r->ndim; i++)
    if (array->shape[i] == 1) r->shape[i] = indices->shape[i];
  memcpy(shape, r->shape, sizeof shape);
  shape[axis] = array->shape[axis];
  if (!gk_request_broadcast(r, 0, shape, r->ndim) || !gk_request_broadcast(r, 1, r->shape, r->ndim))
    return false;
  r->call.compute = r->result = array->dtype;
  r->call.axis = (int8_t)axis;
  r->call.flags = r->flags;
  return gk_request_fits(r);
}

// What changes is the output that was given.
static bool put_rule(gk_request *r) {
  const gk_view *target = r->target;
  if (!target) return gk_fail(r->iso, GK_ARGUMENT, "%s: it needs out", gk_op_name(r->op));
  int axis;
  int64_t shape[GK_MAX_DIMS];
  if (!gk_request_indices(r, 0) || !along_shape(r, target, r->in[0], &axis, shape)) return false;
  if (r->in[1]->dtype != target->dtype)
    return gk_fail(r->iso, GK_DTYPE, "%s: the values are %s, the array is %s; cast with astype()",
                   gk_op_name(r->op), gk_dtypes[r->in[1]->dtype].name,
                   gk_dtypes[target->dtype].name);
  for (int i = 0; i < 2; i++)
    if (!gk_request_broadcast(r, i, shape, target->ndim)) return false;
  gk_request_shape_of(r, target);
  r->call.compute = r->result = target->dtype;
  r->call.axis = (int8_t)axis;
  r->call.flags = r->flags;
  r->call.size = r->in[0]->size;
  return true;
}

static bool flat_index_rule(gk_request *r) {
  int64_t length, axis, before;
  if (!gk_request_indices(r, 0) || !gk_request_indices(r, 1) ||
      !gk_request_whole(r, 0, 0, "the length", &length) ||
      !gk_request_whole(r, 1, 1, "the axis", &axis) ||
      !gk_request_whole(r, 2, 0, "the length before", &before))
    return false;
  gk_request_shape_of(r, r->in[0]);
  if (!gk_broadcast_shape(r->shape, &r->ndim, r->in[1])) {
    char text[400];
    return gk_fail(r->iso, GK_SHAPE, "%s: the indices %s cannot be broadcast together",
                   gk_op_name(r->op), gk_operands_text(text, sizeof text, 2, r->in, NULL));
  }
  for (int i = 0; i < 2; i++)
    if (!gk_request_broadcast(r, i, r->shape, r->ndim)) return false;
  r->call.f[0] = (double)length;
  r->call.f[1] = (double)before;
  r->call.axis = (int8_t)(axis < GK_MAX_DIMS ? axis : GK_MAX_DIMS);
  r->call.compute = r->result = GK_int64;
  return gk_request_fits(r);
}

static bool nonzero_rule(gk_request *r) {
  int64_t count;
  if (!gk_request_whole(r, 0, 0, "the count", &count)) return false;
  if (r->in[0]->ndim == 0)
    return gk_fail(r->iso, GK_SHAPE, "nonzero: the array has no axes, and so no indices");
  r->ndim = 2;
  r->shape[0] = r->in[0]->ndim;
  r->shape[1] = count;
  r->call.compute = r->in[0]->dtype;
  r->result = GK_int64;
  r->call.size = r->in[0]->size;
  return gk_request_fits(r);
}

static bool compress_rule(gk_request *r) {
  const gk_view *v = r->in[0], *mask = r->in[1];
  int64_t count;
  if (!gk_request_whole(r, 0, 0, "the count", &count)) return false;
  if (mask->dtype != GK_bool)
    return gk_fail(r->iso, GK_DTYPE, "mask: the mask is %s; it must be bool",
                   gk_dtypes[mask->dtype].name);
  bool fits = mask->ndim > 0 && mask->ndim <= v->ndim;
  for (int i = 0; fits && i < mask->ndim; i++) fits = mask->shape[i] == v->shape[i];
  if (!fits) {
    char a[160], b[160];
    return gk_fail(r->iso, GK_SHAPE,
                   "mask: the mask %s must have the shape of the array %s or of "
                   "its first axes",
                   gk_shape_text(b, sizeof b, mask->shape, mask->ndim),
                   gk_shape_text(a, sizeof a, v->shape, v->ndim));
  }
  r->shape[r->ndim++] = count;
  for (int i = mask->ndim; i < v->ndim; i++) r->shape[r->ndim++] = v->shape[i];
  r->call.compute = r->result = v->dtype;
  r->call.size = v->size;
  return gk_request_fits(r);
}

static bool histogram_rule(gk_request *r) {
  const gk_view *v = r->in[0], *edges = r->in[1];
  char text[400];
  gk_operands_text(text, sizeof text, 2, r->in, NULL);
  if (gk_dtypes[edges->dtype].class != GK_CLASS_FLOAT)
    return gk_fail(r->iso, GK_DTYPE,
                   "histogram: %s: the edges must be floats; cast them with astype()", text);
  if (edges->ndim != 1 || edges->shape[0] < 2)
    return gk_fail(r->iso, GK_SHAPE, "histogram: %s: the edges must be a vector of at least two",
                   text);
  if (!gk_request_dtype(r, gk_promote(v->dtype, edges->dtype))) return false;
  r->ndim = 1;
  r->shape[0] = edges->shape[0] - 1;
  r->call.size = v->size;
  return gk_request_fits(r);
}

bool gk_rule_index(gk_request *r) {
  switch (r->op) {
  case GK_OP_histogram:
    return histogram_rule(r);
  case GK_OP_take:
    return take_rule(r);
  case GK_OP_take_along_axis:
    return take_along_axis_rule(r);
  case GK_OP_put_along_axis:
  case GK_OP_scatter_add:
    return put_rule(r);
  case GK_OP_flat_index:
    return flat_index_rule(r);
  case GK_OP_nonzero:
    return nonzero_rule(r);
  default:
    return compress_rule(r);
  }
}
