// Ops that go through gk_submit: for each family the rule that turns operands and parameters into a
// checked call: dtypes, the result's shape, and the views as call.h promises them.
#include "rules.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

typedef struct request {
  gk_context *c;
  gk_isolate *iso;
  uint32_t ctx;
  uint16_t op;
  const gk_op *row;
  gk_stream *stream;
  const gk_view *in[3];
  uint32_t inputs, count; // count of params
  double params[64];
  uint32_t flags, dtype;
  // What a rule decides.
  gk_call call;
  uint8_t result; // dtype
  int ndim;
  int64_t shape[GK_MAX_DIMS];
  gk_generator *generator;
  gk_view seen[3]; // operands as the call sees them, where not as they are
  gk_view bound; // the output as the call sees it, likewise
  gk_storage *temporary[3]; // released once the call is on its way
  int temporaries;
} request;

enum { KEEPDIMS = 1, WHOLE = 2 };

static bool fail_count(request *r) {
  return gk_fail(r->iso, GK_ARGUMENT, "%s: %u parameters do not fit it", gk_op_name(r->op),
                 r->count);
}

// params[i] as an axis of `ndim`; false after gk_fail.
static bool axis_param(request *r, uint32_t i, int ndim, int *axis) {
  double x = i < r->count ? r->params[i] : NAN;
  if (x == floor(x) && x >= -ndim && x < ndim) {
    *axis = (int)x + (x < 0 ? ndim : 0);
    return true;
  }
  return gk_fail(r->iso, GK_SHAPE, "%s: axis %g is out of range for %d dimension%s",
                 gk_op_name(r->op), x, ndim, ndim == 1 ? "" : "s");
}

static void copy_shape(request *r, const gk_view *v) {
  r->ndim = v->ndim;
  memcpy(r->shape, v->shape, sizeof r->shape);
}

// A contiguous copy of `v` that lives as long as the request's call needs it; false after gk_fail.
static bool temporary_copy(request *r, const gk_view *v, gk_view *copy) {
  *copy = *v;
  if (!gk_view_allocate(r->c, r->stream, copy, gk_op_name(r->op))) return false;
  r->temporary[r->temporaries++] = copy->storage;
  gk_call call = gk_copy_call(v, copy);
  return v->size == 0 || gk_dispatch(r->c, r->stream, &call, NULL);
}

// The operand as one dimension in row-major order; false after gk_fail.
static bool flatten(request *r, int i) {
  gk_view *flat = &r->seen[i];
  if (r->in[i]->contiguous)
    *flat = *r->in[i];
  else if (!temporary_copy(r, r->in[i], flat))
    return false;
  flat->ndim = 1;
  flat->shape[0] = flat->size;
  gk_view_make_contiguous(flat);
  r->in[i] = flat;
  return true;
}

// The dtype in which the op computes, from its first operand's and the one asked for (0: none).
static bool dtype_rule(request *r, uint8_t dtype) {
  if (!gk_check_class(r->iso, r->op, dtype)) return false;
  uint8_t compute = gk_compute_dtype(r->op, dtype);
  if (r->dtype) {
    if (!gk_check_class(r->iso, r->op, (uint8_t)r->dtype)) return false;
    if (r->row->compute != GK_COMPUTE_BOOL) compute = (uint8_t)r->dtype;
    if (r->row->compute == GK_COMPUTE_FLOAT && gk_dtypes[compute].class != GK_CLASS_FLOAT)
      return gk_fail(r->iso, GK_DTYPE, "%s: dtype %s cannot hold its result; ask for a float",
                     gk_op_name(r->op), gk_dtypes[compute].name);
  } else if (r->row->result == GK_RESULT_WIDE) {
    uint8_t class = gk_dtypes[compute].class;
    if (class & (GK_CLASS_BOOL | GK_CLASS_SIGNED)) compute = GK_int64;
    if (class == GK_CLASS_UNSIGNED) compute = GK_uint64;
  }
  r->call.compute = compute;
  r->result = r->row->result == GK_RESULT_BOOL    ? (uint8_t)GK_bool
              : r->row->result == GK_RESULT_INT64 ? (uint8_t)GK_int64
                                                  : compute;
  return true;
}

// ---- families

static bool reduce_rule(request *r) {
  const gk_view *v = r->in[0];
  if (!dtype_rule(r, v->dtype)) return false;
  bool place = r->row->result == GK_RESULT_INT64; // argmin, argmax
  uint32_t all = (1u << v->ndim) - 1, axes = 0;
  if (r->flags & WHOLE) {
    axes = all;
  } else {
    for (uint32_t i = 0; i < r->count; i++) {
      int axis;
      if (!axis_param(r, i, v->ndim, &axis)) return false;
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
    if (!(axes & 1u << i) || r->flags & KEEPDIMS)
      r->shape[r->ndim++] = axes & 1u << i ? 1 : v->shape[i];
  }
  bool needs_one = place || r->op == GK_OP_min || r->op == GK_OP_max;
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
static void reduce_bind(request *r, const gk_view *out) {
  const gk_view *v = r->in[0];
  r->bound = *out;
  r->bound.ndim = v->ndim;
  for (int i = 0, at = 0; i < v->ndim; i++) {
    bool gone = r->call.axes & 1u << i;
    r->bound.shape[i] = gone ? 1 : v->shape[i];
    r->bound.strides[i] = gone ? 0 : out->strides[at];
    if (!gone || r->flags & KEEPDIMS) at++;
  }
  gk_view_update_contiguous(&r->bound);
  r->call.out[0] = &r->bound;
}

static bool along_axis_rule(request *r) { // scans and sorts
  if (!dtype_rule(r, r->in[0]->dtype)) return false;
  int axis = 0;
  if (r->flags & WHOLE) {
    if (!flatten(r, 0)) return false;
  } else if (r->in[0]->ndim == 0) { // as one element
    if (!flatten(r, 0)) return false;
    r->ndim = 0;
    r->call.size = 1;
    return true;
  } else if (!axis_param(r, 0, r->in[0]->ndim, &axis)) {
    return false;
  }
  copy_shape(r, r->in[0]);
  r->call.axis = (int8_t)axis;
  r->call.flags = r->flags;
  r->call.size = r->in[0]->size;
  return true;
}

static void along_axis_bind(request *r, const gk_view *out) {
  if (out->ndim == r->in[0]->ndim) return;
  r->bound = *out; // a number, seen as one element
  r->bound.ndim = 1;
  r->bound.shape[0] = r->bound.strides[0] = 1;
  r->call.out[0] = &r->bound;
}

static bool take_rule(request *r) {
  if (r->inputs != 2) return fail_count(r);
  if (!(gk_dtypes[r->in[1]->dtype].class & (GK_CLASS_SIGNED | GK_CLASS_UNSIGNED)))
    return gk_fail(r->iso, GK_DTYPE, "take: indices are %s; they must be integers",
                   gk_dtypes[r->in[1]->dtype].name);
  int axis = 0;
  if (r->flags & WHOLE) {
    if (!flatten(r, 0)) return false;
  } else if (!axis_param(r, 0, r->in[0]->ndim, &axis)) {
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
  double product = gk_dtypes[v->dtype].size;
  for (int i = 0; i < axis; i++) r->shape[n++] = v->shape[i];
  for (int i = 0; i < indices->ndim; i++) r->shape[n++] = indices->shape[i];
  for (int i = axis + 1; i < v->ndim; i++) r->shape[n++] = v->shape[i];
  for (int i = 0; i < n; i++) product *= (double)r->shape[i];
  if (product > 0x1p53)
    return gk_fail(r->iso, GK_OUT_OF_MEMORY, "take: the result would have %g bytes", product);
  r->call.compute = r->result = v->dtype;
  r->call.axis = (int8_t)axis;
  return true;
}

static bool matmul_rule(request *r) {
  if (r->inputs != 2) return fail_count(r);
  const gk_view *a = r->in[0], *b = r->in[1];
  uint8_t common = gk_promote(a->dtype, b->dtype);
  char text[400];
  gk_operands_text(text, sizeof text, 2, r->in, NULL);
  if (!common) return gk_fail(r->iso, GK_DTYPE, "matmul: %s have no common dtype; cast one", text);
  if (!dtype_rule(r, common)) return false;
  if (!r->dtype && common == GK_int8) r->call.compute = r->result = GK_int32;
  if (a->ndim == 0 || b->ndim == 0)
    return gk_fail(r->iso, GK_SHAPE, "matmul: %s: operands need at least one dimension", text);
  // Vectors are matrices of one row or column, which the result then lacks.
  for (int i = 0; i < 2; i++) {
    if (r->in[i]->ndim != 1) continue;
    gk_view *v = &r->seen[i];
    *v = *r->in[i];
    v->ndim = 2;
    v->shape[1 - i] = v->shape[0];
    v->strides[1 - i] = v->strides[0];
    v->shape[i] = 1;
    v->strides[i] = 0;
    gk_view_update_contiguous(v);
    r->in[i] = v;
  }
  int64_t m = r->in[0]->shape[r->in[0]->ndim - 2], k = r->in[0]->shape[r->in[0]->ndim - 1];
  int64_t kb = r->in[1]->shape[r->in[1]->ndim - 2], n = r->in[1]->shape[r->in[1]->ndim - 1];
  if (k != kb)
    return gk_fail(r->iso, GK_SHAPE,
                   "matmul: %s do not multiply: the last length of the first (%lld) must equal the "
                   "last but one of the second (%lld)",
                   text, (long long)k, (long long)kb);
  gk_view batch[2];
  int64_t joined[GK_MAX_DIMS] = {0};
  int rank = r->in[0]->ndim - 2;
  memcpy(joined, r->in[0]->shape, (size_t)rank * sizeof *joined);
  batch[1] = *r->in[1];
  batch[1].ndim -= 2;
  if (!gk_broadcast_shape(joined, &rank, &batch[1]) || rank + 2 > GK_MAX_DIMS)
    return gk_fail(r->iso, GK_SHAPE, "matmul: the leading axes of %s cannot be broadcast together",
                   text);
  for (int i = 0; i < 2; i++) {
    int64_t shape[GK_MAX_DIMS];
    const gk_view *v = r->in[i];
    memcpy(shape, joined, sizeof shape);
    shape[rank] = v->shape[v->ndim - 2];
    shape[rank + 1] = v->shape[v->ndim - 1];
    gk_view whole;
    gk_broadcast_view(&whole, v, shape, rank + 2);
    r->seen[i] = whole;
    r->in[i] = &r->seen[i];
  }
  memcpy(r->shape, joined, sizeof joined);
  r->ndim = rank;
  if (a->ndim > 1) r->shape[r->ndim++] = m;
  if (b->ndim > 1) r->shape[r->ndim++] = n;
  double product = gk_dtypes[r->result].size;
  for (int i = 0; i < r->ndim; i++) product *= (double)r->shape[i];
  if (product > 0x1p53)
    return gk_fail(r->iso, GK_OUT_OF_MEMORY, "matmul: %s: the result would have %g bytes", text,
                   product);
  // Which axes the result lacks, for matmul_bind.
  r->call.flags = (a->ndim == 1 ? 1u : 0) | (b->ndim == 1 ? 2u : 0);
  return true;
}

static void matmul_bind(request *r, const gk_view *out) {
  gk_view *v = &r->bound;
  *v = *out;
  int rank = r->in[0]->ndim - 2, at = rank; // the batch axes stay
  for (int i = 0; i < 2; i++) {
    bool lacking = r->call.flags & 1u << i;
    v->shape[rank + i] = lacking ? 1 : out->shape[at];
    v->strides[rank + i] = lacking ? 0 : out->strides[at];
    if (!lacking) at++;
  }
  v->ndim = (uint8_t)(rank + 2);
  gk_view_update_contiguous(v);
  r->call.out[0] = v;
  r->call.flags = 0;
}

static bool copy_rule(request *r) {
  copy_shape(r, r->in[0]);
  r->call.compute = r->result = r->dtype ? (uint8_t)r->dtype : r->in[0]->dtype;
  return true;
}

// A shape among the parameters from `first` on, and the dtype that was given.
static bool given_rule(request *r, uint32_t first) {
  if (r->dtype == 0 || r->dtype >= GK_DTYPE_COUNT)
    return gk_fail(r->iso, GK_DTYPE, "%s: unknown dtype code %u", gk_op_name(r->op), r->dtype);
  if (!gk_check_class(r->iso, r->op, (uint8_t)r->dtype)) return false;
  if (r->count < first) return fail_count(r);
  gk_view v = {.dtype = (uint8_t)r->dtype};
  for (uint32_t i = first; i < r->count; i++) r->iso->in_f64[16 + i] = r->params[i];
  if (!gk_read_shape(r->iso, 16 + first, r->count - first, &v, gk_op_name(r->op))) return false;
  copy_shape(r, &v);
  r->call.compute = r->result = (uint8_t)r->dtype;
  return true;
}

static bool create_rule(request *r) {
  r->call.f[0] = r->count ? r->params[0] : 0;
  r->call.f[1] = 0;
  if (r->op == GK_OP_full || r->op == GK_OP_empty) {
    if (!given_rule(r, 1)) return false;
    r->call.scalar[0] = gk_scalar_from_double(r->call.f[0], r->result);
    return true;
  }
  if (r->count != 3) return fail_count(r);
  r->call.f[1] = r->params[1];
  if (r->op == GK_OP_arange) return given_rule(r, 2);
  double diagonal = r->params[2];
  r->count = 2;
  if (!given_rule(r, 0)) return false;
  // Held within the longest axis: beyond it the diagonal is empty anyway.
  if (diagonal != floor(diagonal))
    return gk_fail(r->iso, GK_ARGUMENT, "eye: diagonal %g is not an integer", diagonal);
  r->call.f[0] = fmax(-0x1p53, fmin(0x1p53, diagonal));
  return true;
}

static bool random_rule(request *r) {
  if (r->count < 3) return fail_count(r);
  r->call.f[0] = r->params[1];
  r->call.f[1] = r->params[2];
  r->generator = r->params[0] == 0 ? r->iso->generator
                                   : gk_object_get(r->iso, (uint32_t)r->params[0], GK_GENERATOR);
  if (!r->generator)
    return gk_fail(r->iso, GK_DISPOSED, "%s: the generator is disposed", gk_op_name(r->op));
  return given_rule(r, 3);
}

static const struct {
  bool (*rule)(request *);
  void (*bind)(request *, const gk_view *out); // the output as the call sees it
} families[GK_FAMILY_COUNT] = {
    [GK_FAMILY_REDUCE] = {reduce_rule, reduce_bind},
    [GK_FAMILY_SCAN] = {along_axis_rule, along_axis_bind},
    [GK_FAMILY_SORT] = {along_axis_rule, along_axis_bind},
    [GK_FAMILY_MATMUL] = {matmul_rule, matmul_bind},
    [GK_FAMILY_INDEX] = {take_rule, NULL},
    [GK_FAMILY_COPY] = {copy_rule, NULL},
    [GK_FAMILY_CREATE] = {create_rule, NULL},
    [GK_FAMILY_RANDOM] = {random_rule, NULL},
};

// ---- the call

// A copy's output may have any dtype, and any shape that the operand broadcasts to.
static gk_array *copy_out(request *r, uint32_t handle) {
  gk_array *out = gk_array_get(r->iso, handle);
  if (!out) {
    gk_fail(r->iso, GK_DISPOSED, "copy: out is disposed");
    return NULL;
  }
  const gk_view *v = &out->view;
  if (gk_view_repeats(v)) {
    gk_fail(r->iso, GK_ARGUMENT, "copy: a broadcast view cannot be written; write its base");
    return NULL;
  }
  if (!gk_same_shape(r->in[0], v)) {
    if (!gk_broadcast_view(&r->seen[0], r->in[0], v->shape, v->ndim)) {
      char from[160], to[160];
      gk_fail(r->iso, GK_SHAPE, "copy: shape %s cannot be broadcast to %s",
              gk_shape_text(from, sizeof from, r->in[0]->shape, r->in[0]->ndim),
              gk_shape_text(to, sizeof to, v->shape, v->ndim));
      return NULL;
    }
    r->in[0] = &r->seen[0];
  }
  r->call.compute = v->dtype;
  if (gk_views_overlap(v, r->in[0])) { // as if it were read whole before it is written
    gk_view whole;
    if (!temporary_copy(r, r->in[0], &whole)) return NULL;
    r->seen[0] = whole;
    r->in[0] = &r->seen[0];
  }
  return out;
}

static gk_array *request_out(request *r, uint32_t handle) {
  if (!handle) return gk_new_out(r->c, r->ctx, r->stream, r->op, r->result, r->ndim, r->shape);
  if (r->row->family == GK_FAMILY_COPY) return copy_out(r, handle);
  gk_array *out = gk_check_out(r->iso, r->op, handle, r->result, r->ndim, r->shape);
  if (!out) return NULL;
  for (uint32_t i = 0; i < r->inputs; i++)
    if (!gk_check_overlap(r->iso, r->op, &out->view, r->in[i], false)) return NULL;
  if (r->row->family == GK_FAMILY_RANDOM && !out->view.contiguous) {
    gk_fail(r->iso, GK_UNSUPPORTED, "%s: out must be contiguous; draw into a new array and copy",
            gk_op_name(r->op));
    return NULL;
  }
  return out;
}

static uint32_t run_request(request *r, uint32_t out_handle) {
  gk_isolate *iso = r->iso;
  if (!families[r->row->family].rule(r)) return 0;
  gk_array *out = request_out(r, out_handle);
  if (!out) return 0;
  if (out->view.storage->device != r->stream->device)
    return gk_fail(iso, GK_DEVICE, "%s: out lies on %s, the op runs on %s", gk_op_name(r->op),
                   out->view.storage->device->name, r->stream->device->name);
  gk_call *call = &r->call;
  call->op = r->op;
  call->family = r->row->family;
  call->inputs = (uint8_t)r->inputs;
  call->outputs = 1;
  for (uint32_t i = 0; i < r->inputs; i++) call->in[i] = r->in[i];
  call->out[0] = &out->view;
  if (families[call->family].bind) families[call->family].bind(r, &out->view);
  if (call->family != GK_FAMILY_REDUCE) call->size = out->view.size;
  // Whatever memory holds: the one array that has bytes without an op that writes them.
  if (r->op == GK_OP_empty && !gk_storage_materialise(out->view.storage)) {
    gk_fail(iso, GK_OUT_OF_MEMORY, "empty: the system has no %.0f bytes",
            (double)out->view.storage->bytes);
  } else if (out->view.size == 0 || r->op == GK_OP_empty ||
             gk_dispatch(r->c, r->stream, call, r->generator)) {
    iso->out->values[0] = out->handle;
    return out->handle;
  }
  if (!out_handle) gk_array_remove(iso, out);
  return 0;
}

uint32_t gk_submit(uint32_t ctx, uint32_t word, uint32_t inputs, uint32_t params, uint32_t flags,
                   uint32_t dtype) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  uint16_t op = (uint16_t)word;
  const gk_op *row = &gk_ops[op < GK_OP_LIMIT ? op : 0];
  if (!row->name || !families[row->family].rule || inputs != row->arity)
    return gk_fail(iso, GK_ARGUMENT, "op code %u does not take %u operands here", op, inputs);
  request r;
  memset(&r, 0, offsetof(request, seen));
  r.temporaries = 0;
  if (params > sizeof r.params / sizeof *r.params)
    return gk_fail(iso, GK_ARGUMENT, "%s: %u parameters are too many", gk_op_name(op), params);
  if (dtype >= GK_DTYPE_COUNT)
    return gk_fail(iso, GK_DTYPE, "%s: unknown dtype code %u", gk_op_name(op), dtype);
  r.c = c;
  r.iso = iso;
  r.ctx = ctx;
  r.op = op;
  r.row = row;
  r.inputs = inputs;
  r.count = params;
  r.flags = flags;
  r.dtype = dtype;
  // Taken out of the block first: rules that copy submit ops of their own.
  memcpy(r.params, iso->in_f64 + 16, params * sizeof *r.params);
  uint32_t out_handle = iso->in_u32[16];
  const gk_view *placed = NULL; // the first operand says where the op runs, else `out`
  for (uint32_t i = 0; i < inputs; i++) {
    gk_array *a = gk_array_get(iso, iso->in_u32[i]);
    if (!a) return gk_fail(iso, GK_DISPOSED, "%s: operand %u is disposed", gk_op_name(op), i + 1);
    r.in[i] = &a->view;
    if (!placed)
      placed = &a->view;
    else if (a->view.storage->device != placed->storage->device)
      return gk_fail(iso, GK_DEVICE, "%s: operands lie on %s and %s; move one with to()",
                     gk_op_name(op), placed->storage->device->name, a->view.storage->device->name);
  }
  gk_array *given = out_handle ? gk_array_get(iso, out_handle) : NULL;
  if (!placed && given) placed = &given->view;
  r.stream = word >> 16 ? gk_stream_find(c, word >> 16, gk_op_name(op))
             : placed   ? gk_stream_of(c, placed, gk_op_name(op))
                        : gk_stream_find(c, 0, gk_op_name(op));
  if (!r.stream) return 0;
  if (placed && placed->storage->device != r.stream->device)
    return gk_fail(iso, GK_DEVICE, "%s: the stream is of %s, the operands lie on %s",
                   gk_op_name(op), r.stream->device->name, placed->storage->device->name);
  uint32_t handle = run_request(&r, out_handle);
  for (int i = 0; i < r.temporaries; i++) gk_storage_release(r.temporary[i], &iso->cache);
  return handle;
}
