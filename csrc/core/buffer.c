// Registered host memory and its ordered copies. JavaScript's memory is touched only during its own
// calls: bytes for the host wait in a snapshot of the library until they are collected.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "isolate.h"

typedef struct gk_arrival {
  struct gk_arrival *next;
  gk_view view; // contiguous snapshot
  int64_t offset;
} gk_arrival;

typedef struct gk_buffer {
  char *memory;
  int64_t bytes;
  gk_device *device; // that knows the memory; NULL: none
  gk_arrival *first, **last;
} gk_buffer;

void gk_buffer_free(gk_isolate *iso, void *value) {
  gk_buffer *b = value;
  for (gk_arrival *a = b->first, *next; a; a = next) {
    next = a->next;
    gk_storage_release(a->view.storage, &iso->cache);
    free(a);
  }
  if (b->device) b->device->api->host_forget(b->device, b->memory);
  free(b);
}

uint32_t gk_buffer_register(uint32_t ctx, void *memory, double bytes) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  if (!memory || !(bytes >= 1 && bytes <= 0x1p53))
    return gk_fail(c->isolate, GK_ARGUMENT, "pinned: %g bytes; at least 1 is needed", bytes);
  gk_buffer *b = calloc(1, sizeof *b);
  uint32_t handle = b ? gk_object_add(c->isolate, GK_BUFFER, b) : 0;
  if (!handle) {
    free(b);
    return gk_fail(c->isolate, GK_OUT_OF_MEMORY, "pinned: no memory for another buffer");
  }
  b->memory = memory;
  b->bytes = (int64_t)bytes;
  b->last = &b->first;
  // Memory that the device does not take is copied through its own.
  gk_device *device = c->stream ? c->stream->device : NULL;
  if (device && !device->api->host_memory && device->api->host_register(device, memory, b->bytes))
    b->device = device;
  return handle;
}

uint32_t gk_buffer_release(uint32_t ctx, uint32_t buffer) {
  gk_context *c = gk_context_get(ctx);
  gk_buffer *b = c ? gk_object_get(c->isolate, buffer, GK_BUFFER) : NULL;
  if (!b) return 0;
  gk_object_remove(c->isolate, buffer);
  gk_buffer_free(c->isolate, b);
  return 1;
}

uint32_t gk_buffer_copy(uint32_t ctx, uint32_t buffer, uint32_t array, uint32_t to_array,
                        double offset) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_buffer *b = gk_object_get(iso, buffer, GK_BUFFER);
  gk_array *a = gk_array_get(iso, array);
  if (!a || !b) {
    gk_fail(iso, GK_DISPOSED, "copyAsync: the %s is disposed", a ? "buffer" : "array");
    return GK_DISPOSED;
  }
  if (iso->recording) {
    gk_fail(iso, GK_UNSUPPORTED, "copyAsync: a graph is being recorded; copy outside of it");
    return GK_UNSUPPORTED;
  }
  gk_stream *stream = to_array >> 16 ? gk_stream_find(c, to_array >> 16, "copyAsync")
                                     : gk_stream_of(c, &a->view, "copyAsync");
  if (!stream) return (uint32_t)iso->out->status;
  const gk_view *v = &a->view;
  int64_t bytes = gk_view_bytes(v);
  if (stream->device != v->storage->device) {
    gk_fail(iso, GK_DEVICE, "copyAsync: the stream is of %s, the array of %s", stream->device->name,
            v->storage->device->name);
    return GK_DEVICE;
  }
  if (!(offset >= 0) || offset != floor(offset) || offset + (double)bytes > (double)b->bytes) {
    gk_fail(iso, GK_SHAPE, "copyAsync: %.0f bytes at %g do not fit into a buffer of %.0f",
            (double)bytes, offset, (double)b->bytes);
    return GK_SHAPE;
  }
  iso->out->stream = gk_stream_handle(iso, stream);
  if (bytes == 0) return GK_OK;
  if (to_array & 1) {
    if (gk_view_repeats(v)) {
      gk_fail(iso, GK_ARGUMENT, "copyAsync: a broadcast view cannot be written; write its base");
      return GK_ARGUMENT;
    }
    return gk_write_view(c, stream, v, b->memory + (int64_t)offset, "copyAsync")
               ? GK_OK
               : (uint32_t)iso->out->status;
  }
  gk_arrival *arrival = calloc(1, sizeof *arrival);
  if (!arrival) {
    gk_fail(iso, GK_OUT_OF_MEMORY, "copyAsync: out of memory");
    return GK_OUT_OF_MEMORY;
  }
  arrival->view = *v;
  arrival->offset = (int64_t)offset;
  if (!gk_view_allocate(c, stream, &arrival->view, "copyAsync")) {
    free(arrival);
    return (uint32_t)iso->out->status;
  }
  gk_call call = gk_copy_call(v, &arrival->view);
  if (!gk_dispatch(c, stream, &call, NULL)) {
    gk_storage_release(arrival->view.storage, &iso->cache);
    free(arrival);
    return (uint32_t)iso->out->status;
  }
  *b->last = arrival;
  b->last = &arrival->next;
  return GK_OK;
}

uint32_t gk_buffer_collect(uint32_t ctx, uint32_t buffer) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_buffer *b = gk_object_get(iso, buffer, GK_BUFFER);
  if (!b) {
    gk_fail(iso, GK_DISPOSED, "copyAsync: the buffer is disposed");
    return GK_DISPOSED;
  }
  // In order, and only what has finished: later copies have tickets of their own.
  while (b->first && gk_storage_computed(b->first->view.storage)) {
    gk_arrival *a = b->first;
    b->first = a->next;
    if (!b->first) b->last = &b->first;
    bool ok = gk_read_view(iso, &a->view, b->memory + a->offset, "copyAsync");
    gk_storage_release(a->view.storage, &iso->cache);
    free(a);
    if (!ok) return (uint32_t)iso->out->status;
  }
  return GK_OK;
}
