// Arrays over the ABI: from and to host memory, description, views, sharing between isolates.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isolate.h"

// Sizes that come as f64: whole, not negative, at most 2^53.
static bool whole(double x) { return x >= 0 && x <= 0x1p53 && x == floor(x); }

static uint32_t adopt_view(gk_isolate *iso, uint32_t ctx, const gk_view *v, const char *op) {
  gk_array *a = gk_array_add(iso, ctx);
  if (!a) {
    gk_storage_release(v->storage, &iso->cache);
    return gk_fail_full(iso, op);
  }
  a->view = *v;
  iso->out->bytes = (double)gk_view_bytes(v);
  return a->handle;
}

uint32_t gk_fail_full(gk_isolate *iso, const char *op) {
  return gk_fail(iso, GK_OUT_OF_MEMORY,
                 "%s: %u arrays are live, which is the limit; free them with `using`, dispose() or "
                 "gk.scope(() => ...)",
                 op, iso->live);
}

bool gk_view_allocate(gk_context *c, gk_stream *stream, gk_view *v, const char *op) {
  gk_device *device = stream->device;
  gk_view_make_contiguous(v);
  v->offset = 0;
  int64_t bytes = gk_view_bytes(v);
  v->storage = gk_storage_create(device, bytes, &c->isolate->cache);
  if (GK_LIKELY(v->storage != NULL)) return true;
  // What queued ops still hold, whose arrays are freed already, may be all that is missing.
  gk_streams_wait(c->isolate, device);
  v->storage = gk_storage_create(device, bytes, &c->isolate->cache);
  if (v->storage) return true;
  char shape[160];
  return gk_fail(
      c->isolate, GK_OUT_OF_MEMORY,
      "%s: the result, %s %s, needs %.0f bytes; %.0f of %s's %.0f are in use by %u arrays "
      "of this thread and others; free arrays with `using`, dispose() or gk.scope, or "
      "raise GPUKIT_MAX_BYTES",
      op, gk_dtypes[v->dtype].name, gk_shape_text(shape, sizeof shape, v->shape, v->ndim),
      (double)bytes,
      (double)(atomic_load(&device->used) -
               (device->api->host_memory ? c->isolate->cache.credit : 0)),
      device->name, (double)device->limit, c->isolate->live);
}

bool gk_take_memory(gk_isolate *iso, gk_stream *stream, gk_storage *storage, const char *op) {
  gk_error error;
  gk_use use = {storage, true};
  if (stream->device->api->host_memory) {
    if (gk_storage_materialise(storage, stream)) return true;
    gk_error_memory(&error, stream->device, op, storage->bytes);
  } else if (gk_stream_begin(stream, 1, &use, op, &error)) {
    gk_stream_end(stream, 1, &use);
    return true;
  }
  return gk_fail_error(iso, &error);
}

// Host bytes into a view that no queued op of the host's device uses; false after gk_fail.
static bool fill_view(gk_isolate *iso, gk_stream *stream, const gk_view *v, const void *data,
                      const char *op) {
  gk_error error;
  gk_use use = {v->storage, true};
  const gk_device_api *api = stream->device->api;
  if (api->host_memory && !gk_take_memory(iso, stream, v->storage, op)) return false;
  if (v->size == 0) return true;
  if (!api->host_memory && !gk_stream_begin(stream, 1, &use, op, &error))
    return gk_fail_error(iso, &error);
  gk_status status = api->copy_in(stream, v, data, &error);
  if (!api->host_memory) gk_stream_end(stream, 1, &use);
  return status == GK_OK || gk_fail_error(iso, &error);
}

// A shape at f64[first..]; false after gk_fail.
bool gk_read_shape(gk_isolate *iso, uint32_t first, uint32_t ndim, gk_view *v, const char *op) {
  if (ndim > GK_MAX_DIMS)
    return gk_fail(iso, GK_SHAPE, "%s: %u dimensions; at most %d are supported", op, ndim,
                   GK_MAX_DIMS);
  double elements = 1;
  for (uint32_t i = 0; i < ndim; i++) {
    double n = iso->in_f64[first + i];
    if (!whole(n))
      return gk_fail(iso, GK_SHAPE, "%s: length %g of axis %u is not a whole number from 0 to 2^53",
                     op, n, i);
    v->shape[i] = (int64_t)n;
    elements *= n;
  }
  bool none = elements == 0;
  double product = 1; // with zeros left out, so that strides cannot overflow either
  for (uint32_t i = 0; i < ndim; i++)
    if (v->shape[i]) product *= (double)v->shape[i];
  if (product * gk_dtypes[v->dtype].size > 0x1p53)
    return gk_fail(iso, none ? GK_SHAPE : GK_OUT_OF_MEMORY,
                   "%s: %g elements of %s need more than 2^53 bytes", op, product,
                   gk_dtypes[v->dtype].name);
  v->ndim = (uint8_t)ndim;
  return true;
}

static bool known_dtype(gk_isolate *iso, uint32_t dtype, const char *op) {
  if (dtype > 0 && dtype < GK_DTYPE_COUNT) return true;
  return gk_fail(iso, GK_DTYPE, "%s: unknown dtype code %u", op, dtype);
}

uint32_t gk_array_from_host(uint32_t ctx, uint32_t dtype, uint32_t ndim, const void *data,
                            double bytes) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  gk_stream *stream = gk_stream_find(c, 0, "array");
  gk_view v = {.dtype = (uint8_t)dtype};
  if (!stream || !known_dtype(iso, dtype, "array") || !gk_read_shape(iso, 0, ndim, &v, "array"))
    return 0;
  gk_view_make_contiguous(&v);
  if (bytes != (double)gk_view_bytes(&v)) {
    char shape[160];
    return gk_fail(iso, GK_SHAPE, "array: shape %s of %s needs %.0f bytes, the data has %.0f",
                   gk_shape_text(shape, sizeof shape, v.shape, v.ndim), gk_dtypes[dtype].name,
                   (double)gk_view_bytes(&v), bytes);
  }
  if (!gk_view_allocate(c, stream, &v, "array")) return 0;
  if (fill_view(iso, stream, &v, data, "array")) return adopt_view(iso, ctx, &v, "array");
  gk_storage_release(v.storage, &iso->cache);
  return 0;
}

// The array of a handle; NULL after gk_fail.
static gk_array *live_array(gk_isolate *iso, uint32_t handle, const char *op) {
  gk_array *a = gk_array_get(iso, handle);
  if (GK_UNLIKELY(!a)) gk_fail(iso, GK_DISPOSED, "%s: the array is disposed", op);
  return a;
}

uint32_t gk_array_describe(uint32_t ctx, uint32_t array) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_array *a = live_array(iso, array, "array");
  if (!a) return GK_DISPOSED;
  const gk_view *v = &a->view;
  gk_block_output *out = iso->out;
  int item = gk_dtypes[v->dtype].size;
  gk_storage *s = v->storage;
  bool computed = gk_storage_computed(s);
  out->dtype = v->dtype;
  out->ndim = v->ndim;
  out->flags = (v->contiguous ? 1 : 0) | (computed ? 2 : 0);
  out->device = (int32_t)s->device->index;
  const gk_stream *writer = computed ? NULL : s->write.stream;
  out->stream = writer ? gk_stream_handle(iso, writer)
                       : (int32_t)(GK_DEFAULT_STREAM | s->device->index << 16);
  out->size = (double)v->size;
  out->bytes = (double)(v->size * item);
  for (int i = 0; i < v->ndim; i++) {
    out->shape[i] = (double)v->shape[i];
    out->strides[i] = (double)(v->strides[i] * item);
  }
  return GK_OK;
}

uint32_t gk_array_dispose(uint32_t ctx, uint32_t array) {
  gk_context *c = gk_context_get(ctx);
  gk_array *a = c ? gk_array_get(c->isolate, array) : NULL;
  if (!a) return 0;
  gk_array_remove(c->isolate, a);
  return 1;
}

uint32_t gk_array_is_live(uint32_t ctx, uint32_t array) {
  gk_context *c = gk_context_get(ctx);
  return c && gk_array_get(c->isolate, array) != NULL;
}

uint32_t gk_array_view(uint32_t ctx, uint32_t kind, uint32_t array, uint32_t n) {
  static const char *const names[] = {
      "view", "reshape",  "transpose", "broadcastTo", "squeeze", "expandDims", "flip",
      "at",   "swapaxes", "moveaxis",  "diagonal",    "real",    "imag"};
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  const char *op = kind < sizeof names / sizeof *names ? names[kind] : "view";
  gk_array *a = live_array(iso, array, op);
  if (!a) return 0;
  if (n > 256) return gk_fail(iso, GK_ARGUMENT, "%s: %u arguments are too many", op, n);
  gk_view v;
  char message[512], shape[160];
  gk_status status =
      gk_view_apply(&v, &a->view, (gk_view_kind)kind, iso->in_f64, (int)n, message, sizeof message);
  if (status != GK_OK)
    return gk_fail(iso, status, "%s of %s %s: %s", op, gk_dtypes[a->view.dtype].name,
                   gk_shape_text(shape, sizeof shape, a->view.shape, a->view.ndim), message);
  gk_storage_retain(v.storage);
  return adopt_view(iso, ctx, &v, op);
}

// ---- reading and writing

bool gk_synchronise_view(gk_isolate *iso, const gk_view *v, const char *op) {
  if (GK_UNLIKELY(iso->recording != NULL))
    return gk_fail(iso, GK_UNSUPPORTED,
                   "%s: a value cannot be read while a graph is being recorded; return the array "
                   "from the graph's function and read g.outputs after g.launch()",
                   op);
  gk_storage *s = v->storage;
  if (!gk_storage_quiet(s)) {
    gk_mark waits[1 + GK_READ_MARKS];
    int count = 0;
    gk_storage_waits(s, false, NULL, waits, &count, 1 + GK_READ_MARKS);
    for (int i = 0; i < count; i++)
      waits[i].stream->device->api->stream_wait(waits[i].stream, waits[i].sequence);
  }
  if (!gk_check_faults(iso)) return false;
  const gk_error *poison = atomic_load_explicit(&s->poison, memory_order_acquire);
  return GK_LIKELY(!poison) || gk_fail_error(iso, poison);
}

bool gk_read_view(gk_isolate *iso, const gk_view *v, void *into, const char *op) {
  gk_storage *s = v->storage;
  gk_device *device = s->device;
  gk_error error;
  if (device->api->host_memory || v->size == 0)
    return gk_synchronise_view(iso, v, op) &&
           (v->size == 0 || device->api->copy_out(NULL, v, into, &error) == GK_OK ||
            gk_fail_error(iso, &error));
  if (iso->recording) return gk_synchronise_view(iso, v, op); // refuses
  const gk_error *poison = atomic_load_explicit(&s->poison, memory_order_acquire);
  if (poison) return gk_synchronise_view(iso, v, op);
  // In the order of the stream that computes it, so that one wait is enough.
  gk_mark waits[1 + GK_READ_MARKS];
  int count = 0;
  if (!gk_storage_quiet(s)) gk_storage_waits(s, false, NULL, waits, &count, 1 + GK_READ_MARKS);
  gk_stream *stream = count ? waits[0].stream : gk_stream_default(iso, device, &error);
  if (!stream || device->api->copy_out(stream, v, into, &error) != GK_OK)
    return gk_fail_error(iso, &error);
  return gk_check_faults(iso);
}

uint32_t gk_array_read(uint32_t ctx, uint32_t array, void *into, double bytes, double offset) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_array *a = live_array(iso, array, "data");
  if (!a) return (uint32_t)iso->out->status;
  gk_view v = a->view;
  double total = (double)gk_view_bytes(&v);
  int item = gk_dtypes[v.dtype].size;
  if (!whole(bytes) || !whole(offset) || offset + bytes > total) {
    gk_fail(iso, GK_ARGUMENT, "data: %.0f bytes from %.0f on asked of an array of %.0f", bytes,
            offset, total);
    return GK_ARGUMENT;
  }
  if (bytes != total) { // a slice of a contiguous array
    if (!v.contiguous || fmod(offset, item) != 0 || fmod(bytes, item) != 0) {
      gk_fail(iso, GK_ARGUMENT, "data: only whole elements of contiguous arrays come in slices");
      return GK_ARGUMENT;
    }
    v.offset += (int64_t)offset;
    v.ndim = 1;
    v.shape[0] = (int64_t)bytes / item;
    gk_view_make_contiguous(&v);
  }
  return gk_read_view(iso, &v, into, "data") ? GK_OK : (uint32_t)iso->out->status;
}

double gk_array_item(uint32_t ctx, uint32_t array) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  iso->out->status = GK_OK;
  gk_array *a = live_array(iso, array, "item");
  if (!a) return 0;
  const gk_view *v = &a->view;
  if (v->size != 1) {
    char shape[160];
    return gk_fail(iso, GK_SHAPE,
                   "item: the array has shape %s; item() reads arrays of one element",
                   gk_shape_text(shape, sizeof shape, v->shape, v->ndim));
  }
  gk_scalar host;
  const void *data = &host;
  if (v->storage->device->api->host_memory) {
    if (!gk_synchronise_view(iso, v, "item")) return 0;
    data = gk_view_data(v);
  } else if (!gk_read_view(iso, v, &host, "item")) {
    return 0;
  }
  iso->out->dtype = v->dtype;
  memcpy(iso->out->text, data, gk_dtypes[v->dtype].size);
  return gk_scalar_to_double(data, v->dtype);
}

// Copies row-major host bytes into a view, in the order of its stream, through memory of the
// library, since the host's is the caller's again when the call returns.
bool gk_write_view(gk_context *c, gk_stream *stream, const gk_view *v, const void *data,
                   const char *op) {
  gk_isolate *iso = c->isolate;
  if (v->size == 0) return true;
  const gk_device_api *api = stream->device->api;
  const bool ready = api->host_memory
                         ? gk_stream_idle(stream) && (gk_storage_quiet(v->storage) ||
                                                      gk_storage_ready(v->storage, true, NULL))
                         : true; // copy_in() takes its turn
  if (!iso->recording && ready) return fill_view(iso, stream, v, data, op);
  gk_view staged = *v;
  if (!gk_view_allocate(c, stream, &staged, op)) return false;
  gk_call call = gk_copy_call(&staged, v);
  bool done = fill_view(iso, stream, &staged, data, op) && gk_dispatch(c, stream, &call, NULL);
  gk_storage_release(staged.storage, &iso->cache);
  return done;
}

uint32_t gk_array_write(uint32_t ctx, uint32_t array, const void *data, double bytes) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_array *a = live_array(iso, array, "copyFrom");
  gk_stream *stream = a ? gk_stream_of(c, &a->view, "copyFrom") : NULL;
  if (!stream) return (uint32_t)iso->out->status;
  if (bytes != (double)gk_view_bytes(&a->view)) {
    gk_fail(iso, GK_SHAPE, "copyFrom: the array has %.0f bytes, the data %.0f",
            (double)gk_view_bytes(&a->view), bytes);
    return GK_SHAPE;
  }
  if (gk_view_repeats(&a->view)) {
    gk_fail(iso, GK_ARGUMENT, "copyFrom: a broadcast view cannot be written; write its base");
    return GK_ARGUMENT;
  }
  return gk_write_view(c, stream, &a->view, data, "copyFrom") ? GK_OK : (uint32_t)iso->out->status;
}

// ---- between devices

// The view without gaps, on its device; `copy` is its twin where one had to be made.
static const gk_view *contiguous_source(gk_context *c, const gk_view *v, gk_view *copy) {
  if (v->contiguous) return v;
  gk_stream *stream = gk_stream_of(c, v, "to");
  *copy = *v;
  copy->storage = NULL;
  if (!stream || !gk_view_allocate(c, stream, copy, "to")) return NULL;
  gk_call call = gk_copy_call(v, copy);
  return gk_dispatch(c, stream, &call, NULL) ? copy : NULL;
}

// Between two devices with queues of their own: nothing waits here, the stream does.
static bool copy_peer(gk_isolate *iso, gk_stream *stream, const gk_view *from, const gk_view *to) {
  gk_error error;
  const gk_use uses[] = {{from->storage, false}, {to->storage, true}};
  if (gk_storage_poisoned(from->storage)) return gk_fail_error(iso, from->storage->poison);
  if (!gk_stream_begin(stream, 2, uses, "to", &error)) return gk_fail_error(iso, &error);
  gk_status status = stream->device->api->copy_peer(stream, to, from, &error);
  gk_stream_end(stream, 2, uses);
  return status == GK_OK || gk_fail_error(iso, &error);
}

// Fills `to`, whose storage is new, from a view on another device.
static bool copy_between(gk_context *c, gk_stream *stream, const gk_view *v, const gk_view *to) {
  gk_isolate *iso = c->isolate;
  if (stream->device->api->host_memory)
    return gk_take_memory(iso, stream, to->storage, "to") &&
           gk_read_view(iso, v, gk_view_data(to), "to");
  gk_view copy = {.storage = NULL};
  const gk_view *from = contiguous_source(c, v, &copy);
  bool done = from != NULL;
  if (done && !v->storage->device->api->host_memory)
    done = copy_peer(iso, stream, from, to);
  else if (done)
    done = gk_synchronise_view(iso, from, "to") &&
           fill_view(iso, stream, to, gk_view_data(from), "to");
  if (copy.storage) gk_storage_release(copy.storage, &iso->cache);
  return done;
}

uint32_t gk_array_to_device(uint32_t ctx, uint32_t array, uint32_t device) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  gk_array *a = live_array(iso, array, "to");
  if (!a) return 0;
  if (device >= gk_device_count)
    return gk_fail(iso, GK_DEVICE, "to: there is no device %u; there are %u", device,
                   gk_device_count);
  if (iso->recording)
    return gk_fail(iso, GK_UNSUPPORTED, "to: a graph is being recorded; copy outside of it");
  gk_stream *stream = gk_stream_on(c, &gk_devices[device], "to");
  if (!stream) return 0;
  gk_view from = a->view, to = a->view; // the record may move
  if (!gk_view_allocate(c, stream, &to, "to")) return 0;
  if (to.size == 0 || copy_between(c, stream, &from, &to)) return adopt_view(iso, ctx, &to, "to");
  gk_storage_release(to.storage, &iso->cache);
  return 0;
}

// ---- between isolates

#define TOKENS 65536
static gk_mutex tokens_lock = GK_MUTEX_INIT;
static struct {
  gk_view view;
  uint64_t serial;
} *tokens;
static uint64_t tokens_given;

double gk_array_share(uint32_t ctx, uint32_t array) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  gk_array *a = live_array(iso, array, "share");
  // Computed first, so that the taker finds bytes and no stream of this isolate.
  if (!a || !gk_synchronise_view(iso, &a->view, "share")) return 0;
  double token = 0;
  gk_mutex_lock(&tokens_lock);
  if (!tokens) tokens = calloc(TOKENS, sizeof *tokens);
  for (int i = 0; tokens && i < TOKENS; i++) { // the next place whose token was taken
    uint64_t serial = ++tokens_given;
    if (tokens[serial % TOKENS].view.storage) continue;
    atomic_fetch_or(&a->view.storage->state, GK_STATE_SHARED);
    gk_storage_retain(a->view.storage);
    tokens[serial % TOKENS].view = a->view;
    tokens[serial % TOKENS].serial = serial;
    token = (double)serial;
    break;
  }
  gk_mutex_unlock(&tokens_lock);
  if (token == 0)
    gk_fail(iso, GK_OUT_OF_MEMORY, "share: %d tokens were given out and never adopted", TOKENS);
  return token;
}

uint32_t gk_array_adopt(uint32_t ctx, double token) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_view v = {0};
  if (whole(token)) {
    gk_mutex_lock(&tokens_lock);
    uint64_t serial = (uint64_t)token;
    if (tokens && serial && tokens[serial % TOKENS].serial == serial) {
      v = tokens[serial % TOKENS].view;
      tokens[serial % TOKENS].view.storage = NULL;
      tokens[serial % TOKENS].serial = 0;
    }
    gk_mutex_unlock(&tokens_lock);
  }
  if (!v.storage)
    return gk_fail(c->isolate, GK_ARGUMENT,
                   "adopt: no array waits under this token; each is good for one adopt()");
  return adopt_view(c->isolate, ctx, &v, "adopt");
}
