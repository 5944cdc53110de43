// Submission of elementwise ops, the hot path, and dispatch of every op: run at once, queue on the
// stream, or record into a graph. All checks of an op are here or in rules.c, once for every
// device.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"

// Elements up to which an elementwise op is surely below GK_INLINE_LIMIT.
#define INLINE_SIZE 8192

// ---- dispatch

static bool operands_ready(const gk_call *call) {
  bool ready = true;
  for (int i = 0; i < call->inputs; i++) {
    if (!call->in[i]) continue;
    gk_storage *s = call->in[i]->storage;
    if (GK_LIKELY(atomic_load_explicit(&s->state, memory_order_acquire) == 0)) continue;
    ready &= gk_storage_ready(s, false, NULL) && !gk_storage_poisoned(s);
  }
  for (int i = 0; i < call->outputs; i++) {
    gk_storage *s = call->out[i]->storage;
    if (GK_LIKELY(atomic_load_explicit(&s->state, memory_order_acquire) == 0)) continue;
    ready &= gk_storage_ready(s, true, NULL) && !gk_storage_poisoned(s);
  }
  return ready;
}

// Adds the storages' marks to the command's waits before it is queued, its own to theirs after.
static void wait_for_operands(gk_command *command, const gk_call *call) {
  for (int i = 0; i < call->inputs; i++)
    if (call->in[i])
      gk_storage_waits(call->in[i]->storage, false, command->stream, command->waits,
                       &command->wait_count, GK_MAX_WAITS);
  for (int i = 0; i < call->outputs; i++)
    gk_storage_waits(call->out[i]->storage, true, command->stream, command->waits,
                     &command->wait_count, GK_MAX_WAITS);
}

static void run_task(gk_command *command) {
  gk_task_run(&command->task, command->stream);
  gk_task_release(&command->task, NULL);
}

static bool enqueue(gk_context *c, gk_stream *stream, const gk_call *call) {
  gk_command *command = gk_command_create(stream);
  if (!command)
    return gk_fail(c->isolate, GK_OUT_OF_MEMORY, "%s: no memory to queue it", gk_op_name(call->op));
  gk_task_set(&command->task, call);
  command->execute = run_task;
  wait_for_operands(command, call);
  // Marked with the sequence that submit will give, since the command is gone after it.
  gk_mark mark = gk_stream_next(stream);
  for (int i = 0; i < call->inputs; i++)
    if (call->in[i]) gk_storage_mark(call->in[i]->storage, false, mark);
  for (int i = 0; i < call->outputs; i++) gk_storage_mark(call->out[i]->storage, true, mark);
  c->isolate->ran_queued++;
  gk_command_submit(command);
  return true;
}

// A storage of an op for a device with queues of its own: the stream waits for what must come first.
static void order_after(gk_stream *stream, gk_storage *s, bool writing) {
  if (GK_LIKELY(gk_storage_quiet(s))) return;
  gk_mark waits[1 + GK_READ_MARKS];
  int count = 0;
  gk_storage_waits(s, writing, stream, waits, &count, 1 + GK_READ_MARKS);
  for (int i = 0; i < count; i++) stream->device->api->stream_order(stream, waits[i]);
}

bool gk_stream_begin(gk_stream *stream, int count, const gk_use *uses, const char *op,
                     gk_error *error) {
  for (int i = 0; i < count; i++) {
    order_after(stream, uses[i].storage, uses[i].written);
    if (uses[i].written && !uses[i].storage->data &&
        !gk_storage_materialise(uses[i].storage, stream)) {
      gk_error_memory(error, stream->device, op, uses[i].storage->bytes);
      gk_stream_end(stream, i, uses); // what has got memory may not lose track of its former users
      return false;
    }
  }
  return true;
}

void gk_stream_end(gk_stream *stream, int count, const gk_use *uses) {
  gk_mark mark = gk_stream_advance(stream);
  for (int i = 0; i < count; i++) gk_storage_mark(uses[i].storage, uses[i].written, mark);
}

// An op for a device with queues of its own, in whose order it now is.
static bool run_on_device(gk_context *c, gk_stream *stream, gk_call *call) {
  gk_use uses[5];
  int count = 0;
  const gk_error *poison = NULL;
  for (int i = 0; i < call->inputs; i++)
    if (call->in[i]) uses[count++] = (gk_use){call->in[i]->storage, false};
  for (int i = 0; i < call->outputs; i++) uses[count++] = (gk_use){call->out[i]->storage, true};
  for (int i = 0; i < count && !poison; i++)
    if (GK_UNLIKELY(gk_storage_poisoned(uses[i].storage))) poison = uses[i].storage->poison;
  if (GK_UNLIKELY(poison != NULL)) { // as it would be found by an op that runs later
    gk_stream_set_fault(stream, GK_FAULT_FAILED, poison);
    for (int i = 0; i < call->outputs; i++) gk_storage_poison(call->out[i]->storage, poison);
    return true;
  }
  gk_error error;
  if (!gk_stream_begin(stream, count, uses, gk_op_name(call->op), &error))
    return gk_fail_error(c->isolate, &error);
  c->isolate->ran_queued++;
  gk_status status = stream->device->api->run(stream, call, &error);
  gk_stream_end(stream, count, uses); // also of a failed one, part of which may be under way
  return GK_LIKELY(status == GK_OK) || gk_fail_error(c->isolate, &error);
}

bool gk_dispatch(gk_context *c, gk_stream *stream, gk_call *call, gk_generator *generator) {
  gk_isolate *iso = c->isolate;
  if (GK_UNLIKELY(iso->recording != NULL)) return gk_graph_record(iso, stream, call, generator);
  if (generator) gk_generator_draw(generator, call);
  const gk_device_api *api = stream->device->api;
  if (!api->host_memory) return run_on_device(c, stream, call);
  if (GK_LIKELY(gk_stream_idle(stream) && operands_ready(call)) &&
      ((call->size <= INLINE_SIZE && call->family == GK_FAMILY_ELEMENTWISE) ||
       api->estimate(call) < GK_INLINE_LIMIT)) {
    gk_error error;
    for (int i = 0; i < call->outputs; i++)
      if (GK_UNLIKELY(!call->out[i]->storage->data) &&
          !gk_storage_materialise(call->out[i]->storage, stream)) {
        gk_error_memory(&error, stream->device, gk_op_name(call->op), call->out[i]->storage->bytes);
        return gk_fail_error(iso, &error);
      }
    iso->ran_inline++;
    gk_status status = api->run(stream, call, &error);
    if (GK_LIKELY(status == GK_OK)) return true;
    if (status != GK_INDEX) return gk_fail_error(iso, &error);
    gk_stream_set_fault(stream, GK_FAULT_INDEX,
                        &error); // raised at the next synchronisation, as if queued
    return true;
  }
  return enqueue(c, stream, call);
}

// ---- numbers as operands

// Smallest value of an integer dtype and the first one above its range.
static void integer_range(uint8_t dtype, double *low, double *above) {
  const gk_dtype_info *t = &gk_dtypes[dtype];
  if (t->class == GK_CLASS_SIGNED) {
    *above = ldexp(1, t->bits - 1);
    *low = -*above;
  } else {
    *above = t->class == GK_CLASS_BOOL ? 2 : ldexp(1, t->bits);
    *low = 0;
  }
}

static bool weak_fits(double value, uint8_t dtype) {
  if (gk_dtypes[dtype].class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX)) return true;
  double low, above;
  integer_range(dtype, &low, &above);
  return value == floor(value) && value >= low && value < above;
}

static bool is_comparison(const gk_op *row) {
  return row->arity == 2 && row->result == GK_RESULT_BOOL && row->compute == GK_COMPUTE_PROMOTE;
}

// Makes `x op value` on integers exact for a value that no element can have: an equivalent
// comparison with a value in range. x stands on the left.
static void exact_comparison(uint16_t *op, double *value, uint8_t dtype) {
  double low, above;
  integer_range(dtype, &low, &above);
  enum { UNKNOWN, NEVER, ALWAYS } outcome = UNKNOWN;
  double v = *value;
  bool fraction = v != floor(v); // also NaN
  bool at_most = *op == GK_OP_less || *op == GK_OP_less_equal;
  if (*op == GK_OP_equal || *op == GK_OP_not_equal) {
    if (fraction || v < low || v >= above) outcome = *op == GK_OP_equal ? NEVER : ALWAYS;
  } else if (isnan(v)) {
    outcome = NEVER;
  } else {
    if (fraction) v = *op == GK_OP_less || *op == GK_OP_greater_equal ? ceil(v) : floor(v);
    if (v >= above)
      outcome = at_most ? ALWAYS : NEVER;
    else if (v < low)
      outcome = at_most ? NEVER : ALWAYS;
  }
  if (outcome == UNKNOWN) {
    *value = v;
  } else {
    *op = outcome == ALWAYS ? GK_OP_greater_equal : GK_OP_less;
    *value = low;
  }
}

static uint16_t mirrored(uint16_t op) {
  switch (op) {
  case GK_OP_less:
    return GK_OP_greater;
  case GK_OP_less_equal:
    return GK_OP_greater_equal;
  case GK_OP_greater:
    return GK_OP_less;
  case GK_OP_greater_equal:
    return GK_OP_less_equal;
  default:
    return op;
  }
}

// ---- messages

char *gk_operands_text(char *buffer, int bytes, int count, const gk_view *const *views,
                       const double *values) {
  int n = 0;
  char shape[160];
  buffer[0] = 0;
  for (int i = 0; i < count && n < bytes; i++) {
    const char *between = i == 0 ? "" : i == count - 1 ? " and " : ", ";
    if (views[i])
      n += snprintf(buffer + n, (size_t)(bytes - n), "%s%s %s", between,
                    gk_dtypes[views[i]->dtype].name,
                    gk_shape_text(shape, sizeof shape, views[i]->shape, views[i]->ndim));
    else
      n += snprintf(buffer + n, (size_t)(bytes - n), "%sthe number %.17g", between, values[i]);
  }
  return buffer;
}

static const char *class_names(uint16_t accepts) {
  switch (accepts) {
  case GK_CLASS_BOOL | GK_CLASS_SIGNED | GK_CLASS_UNSIGNED:
    return "bool and integers";
  case GK_CLASS_SIGNED | GK_CLASS_UNSIGNED:
    return "integers";
  case GK_CLASS_FLOAT:
    return "floats";
  case GK_CLASS_SIGNED | GK_CLASS_UNSIGNED | GK_CLASS_FLOAT:
    return "integers and floats";
  case GK_CLASS_SIGNED | GK_CLASS_UNSIGNED | GK_CLASS_FLOAT | GK_CLASS_COMPLEX:
    return "integers, floats and complex64";
  case GK_CLASS_BOOL | GK_CLASS_SIGNED | GK_CLASS_UNSIGNED | GK_CLASS_FLOAT:
    return "bool, integers and floats";
  default:
    return "other dtypes";
  }
}

bool gk_check_class(gk_isolate *iso, uint16_t op, uint8_t dtype) {
  if (GK_LIKELY(gk_ops[op].accepts & gk_dtypes[dtype].class)) return true;
  return gk_fail(iso, GK_DTYPE, "%s: %s is not accepted; it takes %s, cast with astype()",
                 gk_op_name(op), gk_dtypes[dtype].name, class_names(gk_ops[op].accepts));
}

uint8_t gk_compute_dtype(uint16_t op, uint8_t promoted) {
  switch (gk_ops[op].compute) {
  case GK_COMPUTE_BOOL:
    return GK_bool;
  case GK_COMPUTE_FLOAT:
    return gk_dtypes[promoted].class & (GK_CLASS_FLOAT | GK_CLASS_COMPLEX) ? promoted : GK_float32;
  default:
    return promoted;
  }
}

// ---- `out`

// The given output, checked against the result's dtype and shape; NULL after gk_fail.
gk_array *gk_check_out(gk_isolate *iso, uint16_t op, uint32_t handle, uint8_t dtype, int ndim,
                       const int64_t *shape) {
  gk_array *out = gk_array_get(iso, handle);
  if (GK_UNLIKELY(!out)) {
    gk_fail(iso, GK_DISPOSED, "%s: out is disposed", gk_op_name(op));
    return NULL;
  }
  const gk_view *v = &out->view;
  bool fits = v->ndim == ndim;
  for (int i = 0; fits && i < ndim; i++) fits = v->shape[i] == shape[i];
  if (GK_UNLIKELY(!fits || v->dtype != dtype)) {
    char want[160], have[160];
    gk_fail(iso, fits ? GK_DTYPE : GK_SHAPE, "%s: out is %s %s, but the result is %s %s",
            gk_op_name(op), gk_dtypes[v->dtype].name,
            gk_shape_text(have, sizeof have, v->shape, v->ndim), gk_dtypes[dtype].name,
            gk_shape_text(want, sizeof want, shape, ndim));
    return NULL;
  }
  if (GK_UNLIKELY(!v->contiguous && gk_view_repeats(v))) {
    gk_fail(iso, GK_ARGUMENT, "%s: out is a broadcast view, whose elements share memory",
            gk_op_name(op));
    return NULL;
  }
  return out;
}

static bool identical(const gk_view *a, const gk_view *b) {
  if (a->offset != b->offset || a->dtype != b->dtype || !gk_same_shape(a, b)) return false;
  if (a->contiguous && b->contiguous) return true;
  for (int i = 0; i < a->ndim; i++)
    if (a->strides[i] != b->strides[i] && a->shape[i] > 1) return false;
  return true;
}

bool gk_check_overlap(gk_isolate *iso, uint16_t op, const gk_view *out, const gk_view *in,
                      bool elementwise) {
  if (GK_LIKELY(out->storage != in->storage)) return true;
  if ((elementwise && identical(out, in)) || !gk_views_overlap(out, in)) return true;
  return gk_fail(iso, GK_ARGUMENT,
                 elementwise ? "%s: out overlaps an operand without being the same view of it; use "
                               "another array for out"
                             : "%s: out overlaps an operand; use another array for out",
                 gk_op_name(op));
}

// A new output with the shape and dtype in `shape_of` or given; NULL after gk_fail.
gk_array *gk_new_out(gk_context *c, uint32_t ctx, gk_stream *stream, uint16_t op, uint8_t dtype,
                     int ndim, const int64_t *shape) {
  gk_isolate *iso = c->isolate;
  gk_array *out = gk_array_add(iso, ctx);
  if (GK_UNLIKELY(!out)) {
    gk_fail_full(iso, gk_op_name(op));
    return NULL;
  }
  gk_view *v = &out->view;
  v->dtype = dtype;
  v->ndim = (uint8_t)ndim;
  v->offset = 0;
  v->contiguous = true;
  int64_t size = 1;
  for (int i = ndim - 1; i >= 0; i--) {
    v->shape[i] = shape[i];
    v->strides[i] = size;
    size *= shape[i] ? shape[i] : 1;
  }
  for (int i = 0; i < ndim; i++)
    if (shape[i] == 0) size = 0;
  v->size = size;
  int64_t bytes = size * gk_dtypes[dtype].size;
  v->storage = gk_storage_create(stream->device, bytes, &iso->cache);
  iso->out->bytes = (double)bytes;
  // It waits for memory, or tells the figures.
  if (GK_UNLIKELY(!v->storage) && !gk_view_allocate(c, stream, v, gk_op_name(op))) {
    gk_array_remove(iso, out);
    return NULL;
  }
  v->storage->recorded = iso->recording != NULL;
  return out;
}

// ---- elementwise

// The usual call: small operands of one dtype and shape, without gaps and computed, on an idle
// stream. It is worth a path of its own, since checking for less usual ones takes longer than the op.
// 0 where anything is unusual or wrong, which elementwise() then does or says. `number` stands for
// the operands of handle 0.
#define USUAL_SIZE 4096
#define USUAL_NUMBERS 64 // elements, with a number among the operands

static inline
    __attribute__((always_inline)) uint32_t usual(uint32_t ctx, uint32_t op, int arity,
                                                  const uint32_t *handles, uint32_t out_handle,
                                                  const double *number) {
  gk_context *c = gk_context_get(ctx);
  if (GK_UNLIKELY(!c || op >= GK_ELEMENTWISE_CODES)) return 0; // also a stream in its high half
  gk_isolate *iso = c->isolate;
  gk_stream *stream = c->stream;
  if (GK_UNLIKELY(!stream || iso->recording || !gk_stream_idle(stream))) return 0;
  gk_device *device = stream->device;
  const gk_view *first = NULL, *in[3];
  const void *data[3] = {NULL, NULL, NULL};
  for (int i = 0; i < arity; i++) {
    in[i] = NULL;
    if (number && handles[i] == 0) continue;
    gk_array *a = gk_array_get(iso, handles[i]);
    if (GK_UNLIKELY(!a)) return 0;
    const gk_view *v = in[i] = &a->view;
    gk_storage *s = v->storage;
    if (!v->contiguous || atomic_load_explicit(&s->state, memory_order_acquire) != 0) return 0;
    if (!first)
      first = v;
    else if (v->dtype != first->dtype || s->device != device || !gk_same_shape(v, first))
      return 0;
    data[i] = (const char *)s->data + v->offset;
  }
  const gk_op *row = &gk_ops[op];
  if (row->arity != arity || !first || op == GK_OP_where || first->storage->device != device ||
      first->size > (number ? USUAL_NUMBERS : USUAL_SIZE) || first->size == 0 || !device->loops)
    return 0;
  uint8_t dtype = first->dtype;
  gk_loop_fn loop = device->loops[op][dtype];
  if (!loop || !(row->accepts & gk_dtypes[dtype].class)) return 0;
  union {
    float f32[USUAL_NUMBERS];
    double f64[USUAL_NUMBERS];
  } splat;
  if (number) {
    if (dtype == GK_float32)
      for (int64_t i = 0; i < first->size; i++) splat.f32[i] = (float)*number;
    else if (dtype == GK_float64)
      for (int64_t i = 0; i < first->size; i++) splat.f64[i] = *number;
    else
      return 0; // an integer dtype may not have the number
    for (int i = 0; i < arity; i++)
      if (!in[i]) data[i] = &splat;
  }
  uint8_t result = gk_result_dtype((uint16_t)op, dtype);
  gk_array *out;
  gk_view *to;
  if (out_handle) {
    out = gk_array_get(iso, out_handle);
    if (GK_UNLIKELY(!out)) return 0;
    to = &out->view;
    gk_storage *s = to->storage;
    if (!to->contiguous || to->dtype != result || s->device != device ||
        atomic_load_explicit(&s->state, memory_order_acquire) != 0 || !gk_same_shape(to, first))
      return 0;
    for (int i = 0; i < arity; i++)
      if (in[i] && in[i]->storage == s &&
          (in[i]->offset != to->offset || in[i]->dtype != to->dtype))
        return 0;
  } else {
    out = gk_new_out(c, ctx, stream, (uint16_t)op, result, first->ndim, first->shape);
    if (GK_UNLIKELY(!out)) return 0;
    to = &out->view;
    if (GK_UNLIKELY(!to->storage->data) && !gk_storage_materialise(to->storage, stream)) {
      gk_array_remove(iso, out);
      return 0;
    }
  }
  iso->ran_inline++;
  loop(first->size, data[0], data[1], data[2], (char *)to->storage->data + to->offset);
  return out->handle;
}

static __attribute__((noinline)) uint32_t usual_number(uint32_t ctx, uint32_t op,
                                                       const uint32_t *handles, uint32_t out,
                                                       double value) {
  return usual(ctx, op, 2, handles, out, &value);
}

// Apart, so that the usual call's registers and stack stay few.
static __attribute__((noinline)) uint32_t elementwise(uint32_t ctx, uint32_t word, int arity,
                                                      const uint32_t *handles,
                                                      const double *numbers, uint32_t out_handle) {
  gk_context *c = gk_context_get(ctx);
  if (GK_UNLIKELY(!c)) return 0;
  gk_isolate *iso = c->isolate;
  uint16_t op = (uint16_t)word;
  const gk_op *row = &gk_ops[op < GK_OP_LIMIT ? op : 0];
  if (GK_UNLIKELY(row->family != GK_FAMILY_ELEMENTWISE || row->arity != arity))
    return gk_fail(iso, GK_ARGUMENT, "op code %u is no elementwise op of %d operands", op, arity);

  const gk_view *in[3] = {NULL, NULL, NULL};
  double values[3] = {0, 0, 0};
  const gk_view *first = NULL;
  uint8_t promoted = 0;
  bool same = true, clash = false;
  for (int i = 0; i < arity; i++) {
    if (GK_LIKELY(handles[i] != 0)) {
      gk_array *a = gk_array_get(iso, handles[i]);
      if (GK_UNLIKELY(!a))
        return gk_fail(iso, GK_DISPOSED, "%s: operand %d is disposed", gk_op_name(op), i + 1);
      const gk_view *v = in[i] = &a->view;
      if (op != GK_OP_where || i > 0) {
        if (promoted == 0)
          promoted = v->dtype;
        else if (promoted != v->dtype)
          clash |= !(promoted = gk_promote(promoted, v->dtype));
      }
      if (!first)
        first = v;
      else if (GK_UNLIKELY(v->storage->device != first->storage->device))
        return gk_fail(iso, GK_DEVICE, "%s: operands lie on %s and %s; move one with to()",
                       gk_op_name(op), first->storage->device->name, v->storage->device->name);
      else
        same &= gk_same_shape(first, v);
    } else {
      values[i] = numbers[i];
    }
  }
  if (GK_UNLIKELY(!first))
    return gk_fail(iso, GK_ARGUMENT, "%s: no operand is an array; use gk.array(x) for numbers",
                   gk_op_name(op));
  if (GK_UNLIKELY(clash)) {
    char text[512];
    return gk_fail(iso, GK_DTYPE,
                   "%s: %s have no common dtype: uint64 with a signed integer needs a cast with "
                   "astype()",
                   gk_op_name(op), gk_operands_text(text, sizeof text, arity, in, numbers));
  }
  if (GK_UNLIKELY(promoted == 0)) promoted = GK_float32; // where(mask, 1, 0): the default dtype
  if (GK_UNLIKELY(!gk_check_class(iso, op, promoted))) return 0;

  gk_call call;
  call.op =
      op; // a comparison with a number may become another one; messages name what was asked for
  call.compute = gk_compute_dtype(op, promoted);
  for (int i = 0; i < arity; i++) {
    if (GK_LIKELY(in[i] != NULL)) continue;
    if (op == GK_OP_where && i == 0) {
      call.scalar[0] = gk_scalar_from_double(values[0] != 0, call.compute);
      continue;
    }
    if (row->compute == GK_COMPUTE_BOOL) {
      call.scalar[i].bytes[0] = values[i] != 0;
      continue;
    }
    if (GK_UNLIKELY(!weak_fits(values[i], call.compute))) {
      if (!is_comparison(row)) {
        char text[512];
        return gk_fail(iso, GK_DTYPE,
                       "%s: %s: the number is not a value of %s; cast the array with astype() "
                       "first, for example to float32",
                       gk_op_name(op), gk_operands_text(text, sizeof text, arity, in, numbers),
                       gk_dtypes[call.compute].name);
      }
      if (i == 0) { // the array to the left
        in[0] = in[1];
        in[1] = NULL;
        call.op = mirrored(call.op);
        values[1] = values[0];
        i = 1;
      }
      exact_comparison(&call.op, &values[i], call.compute);
    }
    call.scalar[i] = gk_scalar_from_double(values[i], call.compute);
  }

  // The result's shape; operands that need it are seen through a broadcast view.
  gk_view broadcast[3];
  const int64_t *shape = first->shape;
  int ndim = first->ndim;
  int64_t joined[GK_MAX_DIMS];
  if (GK_UNLIKELY(!same)) {
    for (int i = 0; i < ndim; i++) joined[i] = first->shape[i];
    for (int i = 0; i < arity; i++) {
      if (!in[i] || in[i] == first || gk_broadcast_shape(joined, &ndim, in[i])) continue;
      char text[512];
      return gk_fail(iso, GK_SHAPE,
                     "%s: %s cannot be broadcast together: lengths must be equal or 1, counted "
                     "from the last axis",
                     gk_op_name(op), gk_operands_text(text, sizeof text, arity, in, numbers));
    }
    shape = joined;
  }
  gk_stream *stream = word >> 16 ? gk_stream_find(c, word >> 16, gk_op_name(op))
                                 : gk_stream_of(c, first, row->name);
  if (GK_UNLIKELY(!stream)) return 0;
  if (GK_UNLIKELY(stream->device != first->storage->device))
    return gk_fail(iso, GK_DEVICE, "%s: the stream is of %s, the operands lie on %s",
                   gk_op_name(op), stream->device->name, first->storage->device->name);

  uint8_t result = gk_result_dtype(op, call.compute);
  gk_array *out;
  if (out_handle) {
    if (!(out = gk_check_out(iso, op, out_handle, result, ndim, shape))) return 0;
    if (GK_UNLIKELY(out->view.storage->device != stream->device))
      return gk_fail(iso, GK_DEVICE, "%s: out lies on %s, the operands on %s", gk_op_name(op),
                     out->view.storage->device->name, stream->device->name);
    for (int i = 0; i < arity; i++)
      if (in[i] && !gk_check_overlap(iso, op, &out->view, in[i], true)) return 0;
  } else if (!(out = gk_new_out(c, ctx, stream, op, result, ndim, shape))) {
    return 0;
  }

  call.flat = same & out->view.contiguous;
  for (int i = 0; i < arity; i++) {
    if (!in[i]) continue;
    uint8_t wanted = op == GK_OP_where && i == 0 ? (uint8_t)GK_bool : call.compute;
    call.flat &= in[i]->contiguous && in[i]->dtype == wanted;
    if (GK_UNLIKELY(!same) && !gk_same_shape(in[i], &out->view)) {
      gk_broadcast_view(&broadcast[i], in[i], shape, ndim);
      in[i] = &broadcast[i];
    }
  }
  call.family = GK_FAMILY_ELEMENTWISE;
  call.inputs = (uint8_t)arity;
  call.outputs = 1;
  call.size = out->view.size;
  call.in[0] = in[0];
  call.in[1] = in[1];
  call.in[2] = in[2];
  call.out[0] = &out->view;
  call.out[1] = NULL;
  if (GK_UNLIKELY(call.size == 0)) return out->handle;
  if (GK_LIKELY(gk_dispatch(c, stream, &call, NULL))) return out->handle;
  if (!out_handle) gk_array_remove(iso, out);
  return 0;
}

uint32_t gk_submit_unary(uint32_t ctx, uint32_t op, uint32_t a, uint32_t out) {
  double none = 0;
  uint32_t result = usual(ctx, op, 1, &a, out, NULL);
  return GK_LIKELY(result) ? result : elementwise(ctx, op, 1, &a, &none, out);
}

uint32_t gk_submit_binary(uint32_t ctx, uint32_t op, uint32_t a, uint32_t b, uint32_t out,
                          double value) {
  const uint32_t handles[2] = {a, b};
  uint32_t result = GK_LIKELY(a && b) ? usual(ctx, op, 2, handles, out, NULL)
                                      : usual_number(ctx, op, handles, out, value);
  if (GK_LIKELY(result)) return result;
  const double values[2] = {value, value};
  return elementwise(ctx, op, 2, handles, values, out);
}

uint32_t gk_submit_ternary(uint32_t ctx, uint32_t op, uint32_t a, uint32_t b, uint32_t c,
                           uint32_t out, double va, double vb, double vc) {
  const uint32_t handles[3] = {a, b, c};
  uint32_t result = a && b && c ? usual(ctx, op, 3, handles, out, NULL) : 0;
  if (GK_LIKELY(result)) return result;
  const double values[3] = {va, vb, vc};
  return elementwise(ctx, op, 3, handles, values, out);
}
