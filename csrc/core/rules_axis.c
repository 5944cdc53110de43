// Rules of the families that work along axes: reductions, scans, sorts and Fourier transforms.
#include "request.h"

#include <math.h>

bool gk_rule_reduce(gk_request *r) {
  const gk_view *v = r->in[0];
  if (!gk_request_dtype(r, v->dtype)) return false;
  bool place = r->op == GK_OP_argmin || r->op == GK_OP_argmax;
  uint32_t all = (1u << v->ndim) - 1, axes = 0, own = 0; // parameters before the axes
  if (r->op == GK_OP_var || r->op == GK_OP_std || r->op == GK_OP_norm) {
    if (r->count < 1) return gk_request_miscounted(r);
    r->call.f[0] = r->params[0];
    own = 1;
  }
  if (r->flags & GK_WHOLE) {
    axes = all;
  } else {
    for (uint32_t i = own; i < r->count; i++) {
      int axis;
      if (!gk_request_axis(r, i, v->ndim, &axis)) return false;
      if (axes & 1u << axis)
        return gk_fail(r->iso, GK_SHAPE, "%s: axis %d is named twice", gk_op_name(r->op), axis);
      axes |= 1u << axis;
    }
    if (place && r->count != 1)
      return gk_fail(r->iso, GK_SHAPE, "%s: it takes one axis, or none for the whole array",
                     gk_op_name(r->op));
  }
  r->ndim = 0;
  int64_t reduced = 1, results = 1;
  for (int i = 0; i < v->ndim; i++) {
    if (axes & 1u << i)
      reduced *= v->shape[i];
    else
      results *= v->shape[i];
    if (!(axes & 1u << i) || r->flags & GK_KEEPDIMS)
      r->shape[r->ndim++] = axes & 1u << i ? 1 : v->shape[i];
  }
  bool needs_one = place || r->op == GK_OP_min || r->op == GK_OP_max ||
                   (r->op == GK_OP_norm && isinf(r->call.f[0]));
  if (needs_one && reduced == 0 && results > 0) {
    char shape[160];
    return gk_fail(r->iso, GK_SHAPE, "%s: shape %s has no element to choose from along the axis",
                   gk_op_name(r->op), gk_shape_text(shape, sizeof shape, v->shape, v->ndim));
  }
  r->call.axes = axes;
  r->call.size = v->size;
  return true;
}

// The output in the input's rank: length 1 and stride 0 where reduced.
void gk_bind_reduce(gk_request *r, const gk_view *out) {
  const gk_view *v = r->in[0];
  r->bound = *out;
  r->bound.ndim = v->ndim;
  for (int i = 0, at = 0; i < v->ndim; i++) {
    bool gone = r->call.axes & 1u << i;
    r->bound.shape[i] = gone ? 1 : v->shape[i];
    r->bound.strides[i] = gone ? 0 : out->strides[at];
    if (!gone || r->flags & GK_KEEPDIMS) at++;
  }
  gk_view_update_contiguous(&r->bound);
  r->call.out[0] = &r->bound;
}

bool gk_rule_scan(gk_request *r) {
  if (!gk_request_dtype(r, r->in[0]->dtype)) return false;
  int axis = 0;
  if (r->flags & GK_WHOLE) {
    if (!gk_request_flatten(r, 0)) return false;
  } else if (r->in[0]->ndim == 0) { // as one element
    if (!gk_request_flatten(r, 0)) return false;
    r->ndim = 0;
    r->call.size = 1;
    return true;
  } else if (!gk_request_axis(r, 0, r->in[0]->ndim, &axis)) {
    return false;
  }
  gk_request_shape_of(r, r->in[0]);
  r->call.axis = (int8_t)axis;
  r->call.flags = r->flags;
  r->call.size = r->in[0]->size;
  return true;
}

static bool topk_rule(gk_request *r) {
  int64_t k;
  if (r->flags & GK_WHOLE) return gk_request_miscounted(r);
  if (r->in[0]->ndim == 0)
    return gk_fail(r->iso, GK_SHAPE, "topk: the operand needs at least one dimension");
  if (!gk_request_whole(r, 1, 0, "k", &k) || !gk_rule_scan(r)) return false;
  int64_t length = r->in[0]->shape[r->call.axis];
  if (k > length)
    return gk_fail(r->iso, GK_SHAPE, "topk: k is %lld, but the axis has %lld elements",
                   (long long)k, (long long)length);
  r->shape[r->call.axis] = k;
  r->results = 2;
  r->second = GK_int64;
  return true;
}

static bool searchsorted_rule(gk_request *r) {
  uint8_t common = gk_promote(r->in[0]->dtype, r->in[1]->dtype);
  char text[400];
  gk_operands_text(text, sizeof text, 2, r->in, NULL);
  if (!common)
    return gk_fail(r->iso, GK_DTYPE, "searchsorted: %s have no common dtype; cast one", text);
  if (r->in[0]->ndim != 1)
    return gk_fail(r->iso, GK_SHAPE, "searchsorted: %s: the sorted array must be a vector", text);
  if (!gk_request_dtype(r, common)) return false;
  gk_request_shape_of(r, r->in[1]);
  r->call.flags = r->flags;
  return true;
}

bool gk_rule_sort(gk_request *r) {
  if (r->dtype)
    return gk_fail(r->iso, GK_DTYPE, "%s: it takes no dtype; cast the operand with astype()",
                   gk_op_name(r->op));
  if (r->op == GK_OP_topk) return topk_rule(r);
  if (r->op == GK_OP_searchsorted) return searchsorted_rule(r);
  return gk_rule_scan(r);
}

// complex64 and float32 are all that there is, so wider operands must be cast by who knows that it is
// enough.
bool gk_rule_fft(gk_request *r) {
  const gk_view *v = r->in[0];
  if (!gk_check_class(r->iso, r->op, v->dtype)) return false;
  char shape[160];
  if (v->dtype == GK_float64)
    return gk_fail(r->iso, GK_DTYPE,
                   "%s: float64 %s would need complex128, which there is not; cast with "
                   "astype(\"float32\")",
                   gk_op_name(r->op), gk_shape_text(shape, sizeof shape, v->shape, v->ndim));
  if (v->ndim == 0)
    return gk_fail(r->iso, GK_SHAPE, "%s: the operand needs at least one dimension",
                   gk_op_name(r->op));
  int axis;
  int64_t n;
  if (r->count != 3) return gk_request_miscounted(r);
  if (!gk_request_axis(r, 0, v->ndim, &axis) ||
      !gk_request_whole(r, 1, 1, "the length of the transform", &n))
    return false;
  gk_request_shape_of(r, v);
  r->shape[axis] = r->op == GK_OP_rfft ? n / 2 + 1 : n;
  r->result = r->op == GK_OP_irfft ? GK_float32 : GK_complex64;
  r->call.compute = r->op == GK_OP_rfft ? GK_float32 : GK_complex64;
  r->call.axis = (int8_t)axis;
  r->call.f[0] = (double)n;
  r->call.f[1] = r->params[2];
  r->call.flags = r->flags;
  return gk_request_fits(r);
}

void gk_bind_along_axis(gk_request *r, const gk_view *out) {
  if (out->ndim == r->in[0]->ndim || r->op == GK_OP_searchsorted) return;
  r->bound = *out; // a number, seen as one element
  r->bound.ndim = 1;
  r->bound.shape[0] = r->bound.strides[0] = 1;
  r->call.out[0] = &r->bound;
}
