// Ops that go through gk_submit: for each family the rule that turns operands and parameters into a
// checked call: dtypes, the result's shape, and the views as call.h promises them.
#include "request.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

bool gk_request_miscounted(gk_request *r) {
  return gk_fail(r->iso, GK_ARGUMENT, "%s: %u parameters do not fit it", gk_op_name(r->op),
                 r->count);
}

bool gk_request_axis(gk_request *r, uint32_t i, int ndim, int *axis) {
  double x = i < r->count ? r->params[i] : NAN;
  if (x == floor(x) && x >= -ndim && x < ndim) {
    *axis = (int)x + (x < 0 ? ndim : 0);
    return true;
  }
  return gk_fail(r->iso, GK_SHAPE, "%s: axis %g is out of range for %d dimension%s",
                 gk_op_name(r->op), x, ndim, ndim == 1 ? "" : "s");
}

bool gk_request_whole(gk_request *r, uint32_t i, double least, const char *what, int64_t *value) {
  double x = i < r->count ? r->params[i] : NAN;
  if (!(x == floor(x) && x >= least && x <= 0x1p53))
    return gk_fail(r->iso, GK_SHAPE, "%s: %s is %g; it must be a whole number from %g on",
                   gk_op_name(r->op), what, x, least);
  *value = (int64_t)x;
  return true;
}

void gk_request_shape_of(gk_request *r, const gk_view *v) {
  r->ndim = v->ndim;
  memcpy(r->shape, v->shape, sizeof r->shape);
}

bool gk_request_copy(gk_request *r, const gk_view *v, gk_view *copy) {
  *copy = *v;
  if (!gk_view_allocate(r->c, r->stream, copy, gk_op_name(r->op))) return false;
  r->temporary[r->temporaries++] = copy->storage;
  gk_call call = gk_copy_call(v, copy);
  return v->size == 0 || gk_dispatch(r->c, r->stream, &call, NULL);
}

bool gk_request_flatten(gk_request *r, int i) {
  gk_view *flat = &r->seen[i];
  if (r->in[i]->contiguous)
    *flat = *r->in[i];
  else if (!gk_request_copy(r, r->in[i], flat))
    return false;
  flat->ndim = 1;
  flat->shape[0] = flat->size;
  gk_view_make_contiguous(flat);
  r->in[i] = flat;
  return true;
}

bool gk_request_broadcast(gk_request *r, int i, const int64_t *shape, int ndim) {
  gk_view seen;
  if (!gk_broadcast_view(&seen, r->in[i], shape, ndim)) {
    char from[160], to[160];
    return gk_fail(r->iso, GK_SHAPE, "%s: operand %d, %s, cannot be broadcast to %s",
                   gk_op_name(r->op), i + 1,
                   gk_shape_text(from, sizeof from, r->in[i]->shape, r->in[i]->ndim),
                   gk_shape_text(to, sizeof to, shape, ndim));
  }
  r->seen[i] = seen;
  r->in[i] = &r->seen[i];
  return true;
}

bool gk_request_indices(gk_request *r, int i) {
  uint8_t dtype = r->in[i]->dtype;
  return gk_dtypes[dtype].class & (GK_CLASS_SIGNED | GK_CLASS_UNSIGNED) ||
         gk_fail(r->iso, GK_DTYPE, "%s: indices are %s; they must be integers", gk_op_name(r->op),
                 gk_dtypes[dtype].name);
}

bool gk_request_fits(gk_request *r) {
  double bytes = 8;
  for (int i = 0; i < r->ndim; i++) bytes *= (double)r->shape[i];
  return bytes <= 0x1p53 || gk_fail(r->iso, GK_OUT_OF_MEMORY, "%s: the result would have %g bytes",
                                    gk_op_name(r->op), bytes);
}

bool gk_request_dtype(gk_request *r, uint8_t dtype) {
  if (!gk_check_class(r->iso, r->op, dtype)) return false;
  uint8_t compute = gk_compute_dtype(r->op, dtype);
  if (r->dtype) {
    if (!gk_check_class(r->iso, r->op, (uint8_t)r->dtype)) return false;
    if (dtype == GK_complex64 && r->dtype != GK_complex64)
      return gk_fail(r->iso, GK_DTYPE,
                     "%s: dtype %s would lose the imaginary parts; take real() first",
                     gk_op_name(r->op), gk_dtypes[r->dtype].name);
    if (r->row->compute != GK_COMPUTE_BOOL) compute = (uint8_t)r->dtype;
    if (r->row->compute == GK_COMPUTE_FLOAT &&
        !(gk_dtypes[compute].class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX)))
      return gk_fail(r->iso, GK_DTYPE, "%s: dtype %s cannot hold its result; ask for a float",
                     gk_op_name(r->op), gk_dtypes[compute].name);
  } else if (r->row->result == GK_RESULT_WIDE) {
    uint8_t class = gk_dtypes[compute].class;
    if (class & (GK_CLASS_BOOL | GK_CLASS_SIGNED)) compute = GK_int64;
    if (class == GK_CLASS_UNSIGNED) compute = GK_uint64;
  }
  r->call.compute = compute;
  r->result = gk_result_dtype(r->op, compute);
  return true;
}

// ---- families

static bool copy_rule(gk_request *r) {
  gk_request_shape_of(r, r->in[0]);
  r->call.compute = r->result = r->dtype ? (uint8_t)r->dtype : r->in[0]->dtype;
  return true;
}

// A shape among the parameters from `first` on, and the dtype that was given.
static bool given_rule(gk_request *r, uint32_t first) {
  if (r->dtype == 0 || r->dtype >= GK_DTYPE_COUNT)
    return gk_fail(r->iso, GK_DTYPE, "%s: unknown dtype code %u", gk_op_name(r->op), r->dtype);
  if (!gk_check_class(r->iso, r->op, (uint8_t)r->dtype)) return false;
  if (r->count < first) return gk_request_miscounted(r);
  gk_view v = {.dtype = (uint8_t)r->dtype};
  for (uint32_t i = first; i < r->count; i++) r->iso->in_f64[16 + i] = r->params[i];
  if (!gk_read_shape(r->iso, 16 + first, r->count - first, &v, gk_op_name(r->op))) return false;
  gk_request_shape_of(r, &v);
  r->call.compute = r->result = (uint8_t)r->dtype;
  return true;
}

static bool create_rule(gk_request *r) {
  r->call.f[0] = r->count ? r->params[0] : 0;
  r->call.f[1] = 0;
  if (r->op == GK_OP_full || r->op == GK_OP_empty) {
    if (!given_rule(r, 1)) return false;
    r->call.scalar[0] = gk_scalar_from_double(r->call.f[0], r->result);
    return true;
  }
  if (r->count != 3) return gk_request_miscounted(r);
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

// From `low` up to but without `high`: whole, and all of them numbers that the dtype has.
static bool check_integers(gk_request *r) {
  const double low = r->call.f[0], high = r->call.f[1];
  const char *name = gk_op_name(r->op);
  if (!(low < high) || low != floor(low) || high != floor(high))
    return gk_fail(r->iso, GK_ARGUMENT, "%s: no whole numbers from %.17g up to but without %.17g",
                   name, low, high);
  const gk_dtype_info *dtype = &gk_dtypes[r->result];
  const bool is_signed = dtype->class == GK_CLASS_SIGNED;
  const double first = is_signed ? -ldexp(1, dtype->bits - 1) : 0;
  const double end = ldexp(1, is_signed ? dtype->bits - 1 : dtype->bits);
  if (low < first || high > end)
    return gk_fail(r->iso, GK_DTYPE,
                   "%s: from %.17g up to but without %.17g is not within %s, which has %.17g up to "
                   "but without %.17g; ask for a larger dtype",
                   name, low, high, dtype->name, first, end);
  return true;
}

static bool random_rule(gk_request *r) {
  if (r->count < 3) return gk_request_miscounted(r);
  r->call.f[0] = r->params[1];
  r->call.f[1] = r->params[2];
  r->generator = r->params[0] == 0 ? r->iso->generator
                                   : gk_object_get(r->iso, (uint32_t)r->params[0], GK_GENERATOR);
  if (!r->generator)
    return gk_fail(r->iso, GK_DISPOSED, "%s: the generator is disposed", gk_op_name(r->op));
  return given_rule(r, 3) && (r->op != GK_OP_random_integers || check_integers(r));
}

static const struct {
  bool (*rule)(gk_request *);
  void (*bind)(gk_request *, const gk_view *out);
} families[GK_FAMILY_COUNT] = {
    [GK_FAMILY_REDUCE] = {gk_rule_reduce, gk_bind_reduce},
    [GK_FAMILY_SCAN] = {gk_rule_scan, gk_bind_along_axis},
    [GK_FAMILY_SORT] = {gk_rule_sort, gk_bind_along_axis},
    [GK_FAMILY_MATMUL] = {gk_rule_matmul, gk_bind_matmul},
    [GK_FAMILY_INDEX] = {gk_rule_index, NULL},
    [GK_FAMILY_COPY] = {copy_rule, NULL},
    [GK_FAMILY_CREATE] = {create_rule, NULL},
    [GK_FAMILY_RANDOM] = {random_rule, NULL},
    [GK_FAMILY_FFT] = {gk_rule_fft, NULL},
};

// ---- the call

// A copy's output may have any dtype, and any shape that the operand broadcasts to.
static gk_array *copy_out(gk_request *r, uint32_t handle) {
  gk_array *out = gk_array_get(r->iso, handle);
  if (!out) {
    gk_fail(r->iso, GK_DISPOSED, "copy: out is disposed");
    return NULL;
  }
  const gk_view *v = &out->view;
  if (v->storage->device != r->stream->device) {
    gk_fail(r->iso, GK_DEVICE, "copy: out lies on %s, the operand on %s; move one with to()",
            v->storage->device->name, r->stream->device->name);
    return NULL;
  }
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
    if (!gk_request_copy(r, r->in[0], &whole)) return NULL;
    r->seen[0] = whole;
    r->in[0] = &r->seen[0];
  }
  return out;
}

// Result i: the given output, checked, or a new one; NULL after gk_fail.
static gk_array *request_out(gk_request *r, int i, uint32_t handle) {
  uint8_t dtype = i ? r->second : r->result;
  if (!handle) return gk_new_out(r->c, r->ctx, r->stream, r->op, dtype, r->ndim, r->shape);
  const bool copies = r->row->family == GK_FAMILY_COPY;
  if (copies && !(r->flags & GK_VARIANT)) return copy_out(r, handle);
  gk_array *out = gk_check_out(r->iso, r->op, handle, dtype, r->ndim, r->shape);
  if (!out) return NULL;
  if (out->view.storage->device != r->stream->device) {
    gk_fail(r->iso, GK_DEVICE, "%s: out lies on %s, the op runs on %s", gk_op_name(r->op),
            out->view.storage->device->name, r->stream->device->name);
    return NULL;
  }
  if (copies) return copy_out(r, handle);
  for (uint32_t k = 0; k < r->inputs; k++)
    if (!gk_check_overlap(r->iso, r->op, &out->view, r->in[k], false)) return NULL;
  if (r->row->family == GK_FAMILY_RANDOM && !out->view.contiguous) {
    gk_fail(r->iso, GK_UNSUPPORTED, "%s: out must be contiguous; draw into a new array and copy",
            gk_op_name(r->op));
    return NULL;
  }
  return out;
}

static uint32_t run_request(gk_request *r, const uint32_t *out_handles) {
  gk_isolate *iso = r->iso;
  gk_call *call = &r->call;
  call->size = -1;
  r->results = 1;
  if (!families[r->row->family].rule(r)) return 0;
  gk_array *outs[2] = {NULL, NULL};
  bool made = true;
  for (int i = 0; i < r->results && made; i++)
    made = (outs[i] = request_out(r, i, out_handles[i])) != NULL;
  if (made && outs[1] && !gk_check_overlap(iso, r->op, &outs[0]->view, &outs[1]->view, false))
    made = false;
  if (made) {
    call->op = r->op;
    call->family = r->row->family;
    call->inputs = (uint8_t)r->inputs;
    call->outputs = (uint8_t)r->results;
    for (uint32_t i = 0; i < r->inputs; i++) call->in[i] = r->in[i];
    for (int i = 0; i < r->results; i++) call->out[i] = &outs[i]->view;
    if (families[call->family].bind) families[call->family].bind(r, &outs[0]->view);
    if (call->size < 0) call->size = outs[0]->view.size;
    // Indices into an axis of no elements are out of range, which the kernel says.
    const bool changes = r->op == GK_OP_put_along_axis || r->op == GK_OP_scatter_add;
    const bool nothing = (changes ? call->size : outs[0]->view.size) == 0;
    // Whatever memory holds: the one array that has bytes without an op that writes them.
    bool done = r->op == GK_OP_empty
                    ? gk_take_memory(iso, r->stream, outs[0]->view.storage, "empty")
                    : nothing || gk_dispatch(r->c, r->stream, call, r->generator);
    for (int i = 0; i < r->results; i++) iso->out->values[i] = outs[i]->handle;
    if (done) return outs[0]->handle;
  }
  for (int i = 0; i < 2; i++)
    if (outs[i] && !out_handles[i]) gk_array_remove(iso, outs[i]);
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
  gk_request r;
  memset(&r, 0, offsetof(gk_request, seen));
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
  const uint32_t out_handles[2] = {iso->in_u32[16], iso->in_u32[17]};
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
  gk_array *given = out_handles[0] ? gk_array_get(iso, out_handles[0]) : NULL;
  if (given) r.target = &given->view;
  if (!placed && given) placed = &given->view;
  r.stream = word >> 16 ? gk_stream_find(c, word >> 16, gk_op_name(op))
             : placed   ? gk_stream_of(c, placed, gk_op_name(op))
                        : gk_stream_find(c, 0, gk_op_name(op));
  if (!r.stream) return 0;
  if (placed && placed->storage->device != r.stream->device)
    return gk_fail(iso, GK_DEVICE, "%s: the stream is of %s, the operands lie on %s",
                   gk_op_name(op), r.stream->device->name, placed->storage->device->name);
  uint32_t handle = run_request(&r, out_handles);
  for (int i = 0; i < r.temporaries; i++) gk_storage_release(r.temporary[i], &iso->cache);
  return handle;
}
