// An isolate: one JavaScript thread's arrays, scopes, streams and registered block. Used by that
// thread alone, so that nothing here needs a lock; only the completion ring is shared.
#ifndef GK_CORE_ISOLATE_H
#define GK_CORE_ISOLATE_H

#include "device.h"

#define GK_LIKELY(x) __builtin_expect(!!(x), 1)
#define GK_UNLIKELY(x) __builtin_expect(!!(x), 0)

// ---- array records: a handle's index, in chunks that never move

#define GK_INDEX_BITS 20
#define GK_GENERATION_BITS 10
#define GK_CHUNK 1024
#define GK_MAX_ARRAYS (1u << GK_INDEX_BITS)

typedef struct gk_array {
  uint32_t handle;     // 0 while free
  uint32_t prev, next; // in its context's list, as indices; 0 ends it
  uint32_t context;
  uint32_t generation;
  gk_view view;
} gk_array;

// ---- other objects with handles: streams, events, graphs, generators, buffers

typedef enum gk_kind {
  GK_STREAM = 1,
  GK_EVENT,
  GK_GRAPH,
  GK_GENERATOR,
  GK_BUFFER,
  GK_MODULE
} gk_kind;

typedef struct gk_object {
  uint32_t handle; // generation << 16 | index; 0 while free
  uint16_t generation;
  uint8_t kind;
  void *value;
} gk_object;
#define GK_MAX_OBJECTS 65535u

// ---- contexts, in one table for the process

typedef struct gk_context {
  struct gk_isolate *isolate; // NULL while closed
  struct gk_isolate *owner;   // whose free list it returns to; guarded by the table's lock
  gk_stream *stream;          // NULL where no device can be used
  uint32_t head;              // first array of its list
  uint32_t count;
  uint32_t next_free;
} gk_context;
#define GK_MAX_CONTEXTS 65536u
extern gk_context gk_contexts[GK_MAX_CONTEXTS];

typedef struct gk_generator {
  _Atomic int references; // its handle and the graphs that draw from it
  uint64_t key, counter;
} gk_generator;

struct gk_graph;
struct gk_ring;

typedef struct gk_isolate {
  uint32_t *in_u32;     // the block's input half
  double *in_f64;
  gk_block_output *out; // its output half
  gk_array *chunks[GK_MAX_ARRAYS / GK_CHUNK];
  uint32_t used; // records ever given out
  uint32_t free_head, free_tail, free_count;
  uint32_t live, peak;
  uint32_t contexts, context_free; // open ones; head of this isolate's free list
  uint32_t root;
  uint64_t ran_inline, ran_queued; // ops
  gk_storage_cache cache;
  gk_stream *defaults[GK_MAX_DEVICES];
  gk_object *objects;
  uint32_t object_count, object_capacity;
  struct gk_graph *recording;
  struct gk_ring *ring;
  gk_generator *generator; // number 0
} gk_isolate;

// The open context `ctx`, or NULL.
static inline gk_context *gk_context_get(uint32_t ctx) {
  if (GK_UNLIKELY(ctx >= GK_MAX_CONTEXTS)) return NULL;
  gk_context *c = &gk_contexts[ctx];
  return GK_LIKELY(c->isolate != NULL) ? c : NULL;
}

// Contexts that order their ops on the stream, which goes, continue on its device's default one.
void gk_contexts_leave(gk_isolate *iso, const gk_stream *stream);

static inline gk_array *gk_array_at(gk_isolate *iso, uint32_t index) {
  return &iso->chunks[index / GK_CHUNK][index % GK_CHUNK];
}
// The live array of a handle, or NULL.
static inline gk_array *gk_array_get(gk_isolate *iso, uint32_t handle) {
  uint32_t index = handle & (GK_MAX_ARRAYS - 1);
  if (GK_UNLIKELY(index >= iso->used || handle == 0)) return NULL;
  gk_array *a = gk_array_at(iso, index);
  return GK_LIKELY(a->handle == handle) ? a : NULL;
}
// A new record in the context's list, its view not yet set; NULL when the table is full.
gk_array *gk_array_add(gk_isolate *iso, uint32_t ctx);
// Unlinks and frees the record and its hold on the storage (none where storage is NULL).
void gk_array_remove(gk_isolate *iso, gk_array *a);

// An object's handle, or 0; its value, or NULL where handle and kind do not fit.
uint32_t gk_object_add(gk_isolate *iso, gk_kind kind, void *value);
void *gk_object_get(gk_isolate *iso, uint32_t handle, gk_kind kind);
void gk_object_remove(gk_isolate *iso, uint32_t handle);

// Writes status and text to the block; returns 0 for calls that return handles.
uint32_t gk_fail(gk_isolate *iso, gk_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4), cold));
uint32_t gk_fail_error(gk_isolate *iso, const gk_error *error);

// The stream of an op word's or argument's handle (0: the context's); NULL after gk_fail.
gk_stream *gk_stream_find(gk_context *c, uint32_t handle, const char *op);
// The isolate's default stream of the device; NULL with the error.
gk_stream *gk_stream_default(gk_isolate *iso, struct gk_device *device, gk_error *error);
// Waits until the isolate's streams on the device have run all that is queued.
void gk_streams_wait(gk_isolate *iso, const struct gk_device *device);
// Waits for what computes the view, then raises faults and poison: false after gk_fail.
bool gk_synchronise_view(gk_isolate *iso, const gk_view *v, const char *op);
// The same, and its bytes in row-major order into host memory.
bool gk_read_view(gk_isolate *iso, const gk_view *v, void *into, const char *op);
// Memory for a new array that no op writes, in the stream's order; false after gk_fail.
bool gk_take_memory(gk_isolate *iso, gk_stream *stream, gk_storage *storage, const char *op);
// Raises the first fault of the isolate's streams: false after gk_fail.
bool gk_check_faults(gk_isolate *iso);

// Runs, queues or records a checked call on the stream; the call and its views may be on the
// caller's stack. False after gk_fail.
bool gk_dispatch(gk_context *c, gk_stream *stream, gk_call *call, gk_generator *generator);
// A handle by which the isolate's calls find the stream; its device's default one for those that have none
// here.
static inline int32_t gk_stream_handle(const gk_isolate *iso, const gk_stream *s) {
  return (int32_t)(s->owner == iso && s->handle ? s->handle
                                                : GK_DEFAULT_STREAM | s->device->index << 16);
}
// The stream for what is made on a device: the context's where that is of the device, else the device's
// default one; NULL after gk_fail.
gk_stream *gk_stream_on(gk_context *c, struct gk_device *device, const char *op);
// That for an op on the view by itself.
static inline gk_stream *gk_stream_of(gk_context *c, const gk_view *v, const char *op) {
  return gk_stream_on(c, v->storage->device, op);
}
// Copies row-major host bytes into the view in its stream's order; false after gk_fail.
bool gk_write_view(gk_context *c, gk_stream *stream, const gk_view *v, const void *data,
                   const char *op);
// A shape of `ndim` lengths at f64[first..] of the block into v, whose dtype is set.
bool gk_read_shape(gk_isolate *iso, uint32_t first, uint32_t ndim, gk_view *v, const char *op);
uint32_t gk_fail_full(gk_isolate *iso, const char *op); // no array record is left
// A new contiguous storage for the view (dtype, ndim and shape set); false after gk_fail.
bool gk_view_allocate(gk_context *c, gk_stream *stream, gk_view *v, const char *op);

// What a graph or generator needs when it goes.
void gk_graph_free(gk_isolate *iso, struct gk_graph *graph);
bool gk_graph_record(gk_isolate *iso, gk_stream *stream, const gk_call *call,
                     gk_generator *generator);
void gk_buffer_free(gk_isolate *iso, void *buffer);
void gk_event_free(void *event);
gk_generator *gk_generator_make(uint64_t key); // one reference; NULL: out of memory
void gk_generator_release(gk_generator *generator);

struct gk_ring *gk_ring_open(void);
void gk_ring_close(struct gk_ring *ring);
// Who waits for a ticket, to be asked for by the isolate's thread; delivering it is up to any thread.
typedef struct gk_ticket {
  struct gk_ring *ring;
  uint32_t id, number;
} gk_ticket;
gk_ticket gk_ticket_make(gk_isolate *iso, uint32_t number);
void gk_ticket_deliver(gk_ticket ticket);

#endif
