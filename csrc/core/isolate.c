// Isolates, their contexts and handle tables; what happens when a thread ends.
#include "isolate.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "module.h"

gk_context gk_contexts[GK_MAX_CONTEXTS];

static gk_mutex contexts_lock = GK_MUTEX_INIT;
static uint32_t contexts_used = 1; // 0 is no context
static uint32_t contexts_free;     // of ended isolates

// A value recurs only after this many frees of other slots, so that a stale handle meets its
// successor's generation and not its own.
#define FREE_SLOTS_MIN 256

uint32_t gk_fail(gk_isolate *iso, gk_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int n = vsnprintf(iso->out->text, GK_TEXT_BYTES, format, arguments);
  va_end(arguments);
  iso->out->status = status;
  iso->out->text_bytes = n < GK_TEXT_BYTES ? n : GK_TEXT_BYTES - 1;
  return 0;
}

uint32_t gk_fail_error(gk_isolate *iso, const gk_error *error) {
  gk_fail(iso, error->status, "%s", error->text);
  if (error->status == GK_DEVICE_LOST) iso->out->device = (int32_t)error->device;
  return 0;
}

gk_status gk_error_set(gk_error *error, gk_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->text, sizeof error->text, format, arguments);
  va_end(arguments);
  error->status = status;
  return status;
}

gk_status gk_error_index(gk_error *error, uint16_t op, bool variant, const char *index, int axis,
                         int64_t length) {
  const char *name = op == GK_OP_flat_index ? "gather or put"
                     : variant              ? "bincount" // whose values are the indices
                                            : gk_op_name(op);
  return gk_error_set(error, GK_INDEX, "%s: %s is out of range for axis %d of length %" PRId64,
                      name, index, axis, length);
}

// ---- array records

static void link_array(gk_context *c, uint32_t ctx, gk_isolate *iso, gk_array *a) {
  uint32_t index = a->handle & (GK_MAX_ARRAYS - 1);
  a->context = ctx;
  a->prev = 0;
  a->next = c->head;
  if (c->head) gk_array_at(iso, c->head)->prev = index;
  c->head = index;
  c->count++;
}

static void unlink_array(gk_isolate *iso, gk_array *a) {
  gk_context *c = &gk_contexts[a->context];
  if (a->prev)
    gk_array_at(iso, a->prev)->next = a->next;
  else
    c->head = a->next;
  if (a->next) gk_array_at(iso, a->next)->prev = a->prev;
  c->count--;
}

gk_array *gk_array_add(gk_isolate *iso, uint32_t ctx) {
  uint32_t index;
  if (GK_LIKELY(iso->free_count > FREE_SLOTS_MIN)) {
    index = iso->free_head;
    iso->free_head = gk_array_at(iso, index)->next;
    iso->free_count--;
  } else {
    if (GK_UNLIKELY(iso->used == GK_MAX_ARRAYS)) return NULL;
    gk_array **chunk = &iso->chunks[iso->used / GK_CHUNK];
    if (!*chunk && !(*chunk = calloc(GK_CHUNK, sizeof **chunk))) return NULL;
    index = iso->used++;
  }
  gk_array *a = gk_array_at(iso, index);
  a->generation = a->generation % ((1u << GK_GENERATION_BITS) - 1) + 1; // 1..1023
  a->handle = a->generation << GK_INDEX_BITS | index;
  link_array(&gk_contexts[ctx], ctx, iso, a);
  if (++iso->live > iso->peak) iso->peak = iso->live;
  return a;
}

// Frees the record, which is in no list any more.
static void free_record(gk_isolate *iso, gk_array *a) {
  uint32_t index = a->handle & (GK_MAX_ARRAYS - 1);
  if (a->view.storage) gk_storage_release(a->view.storage, &iso->cache);
  a->view.storage = NULL;
  a->handle = 0;
  if (iso->free_count++ == 0)
    iso->free_head = index;
  else
    gk_array_at(iso, iso->free_tail)->next = index;
  iso->free_tail = index;
  iso->live--;
}

void gk_array_remove(gk_isolate *iso, gk_array *a) {
  unlink_array(iso, a);
  free_record(iso, a);
}

uint32_t gk_array_move(uint32_t ctx, uint32_t array, uint32_t to) {
  gk_context *c = gk_context_get(ctx), *target = gk_context_get(to);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_array *a = gk_array_get(iso, array);
  if (!a) return gk_fail(iso, GK_DISPOSED, "keep: the array is disposed"), GK_DISPOSED;
  if (!target || target->isolate != iso)
    return gk_fail(iso, GK_ARGUMENT, "keep: the scope has ended"), GK_ARGUMENT;
  if (a->context == ctx) {
    unlink_array(iso, a);
    link_array(target, to, iso, a);
  }
  return GK_OK;
}

// ---- other objects

uint32_t gk_object_add(gk_isolate *iso, gk_kind kind, void *value) {
  uint32_t index = 1; // few objects live at once; streams and graphs are not made in hot loops
  while (index < iso->object_count && iso->objects[index].handle) index++;
  if (index >= iso->object_capacity) {
    if (index >= GK_MAX_OBJECTS) return 0;
    uint32_t capacity = iso->object_capacity ? iso->object_capacity * 2 : 64;
    gk_object *grown = realloc(iso->objects, capacity * sizeof *grown);
    if (!grown) return 0;
    memset(grown + iso->object_capacity, 0, (capacity - iso->object_capacity) * sizeof *grown);
    iso->objects = grown;
    iso->object_capacity = capacity;
  }
  if (index >= iso->object_count) iso->object_count = index + 1;
  gk_object *o = &iso->objects[index];
  o->generation = (uint16_t)(o->generation % 16383 + 1);
  o->handle = (uint32_t)o->generation << 16 | index;
  o->kind = (uint8_t)kind;
  o->value = value;
  return o->handle;
}

void *gk_object_get(gk_isolate *iso, uint32_t handle, gk_kind kind) {
  uint32_t index = handle & 0xffff;
  if (index >= iso->object_count || handle == 0) return NULL;
  gk_object *o = &iso->objects[index];
  return o->handle == handle && o->kind == kind ? o->value : NULL;
}

void gk_object_remove(gk_isolate *iso, uint32_t handle) {
  iso->objects[handle & 0xffff].handle = 0;
  iso->objects[handle & 0xffff].value = NULL;
}

gk_stream *gk_stream_find(gk_context *c, uint32_t handle, const char *op) {
  gk_isolate *iso = c->isolate;
  if (handle == 0) {
    if (GK_LIKELY(c->stream != NULL)) return c->stream;
    int device = gk_devices_default();
    gk_error error;
    if (device < 0)
      gk_fail(iso, GK_DEVICE, "%s: %s", op, gk_devices_problem());
    else if (!(c->stream = gk_stream_default(iso, &gk_devices[device], &error)))
      gk_fail_error(iso, &error);
    return c->stream;
  }
  if (handle & GK_DEFAULT_STREAM) {
    uint32_t device = (handle & ~GK_DEFAULT_STREAM) >> 16;
    if (device < gk_device_count) return gk_stream_on(c, &gk_devices[device], op);
  }
  uint32_t index = handle & 0xffff; // op words carry the index alone
  if (index < iso->object_count && iso->objects[index].kind == GK_STREAM &&
      iso->objects[index].handle && (handle <= 0xffff || iso->objects[index].handle == handle))
    return iso->objects[index].value;
  gk_fail(iso, GK_DISPOSED, "%s: the stream is disposed", op);
  return NULL;
}

gk_stream *gk_stream_on(gk_context *c, gk_device *device, const char *op) {
  if (GK_LIKELY(c->stream && c->stream->device == device)) return c->stream;
  gk_error error;
  gk_stream *stream = gk_stream_default(c->isolate, device, &error);
  if (!stream) {
    gk_fail(c->isolate, error.status, "%s: %s", op, error.text);
    if (error.status == GK_DEVICE_LOST) c->isolate->out->device = (int32_t)error.device;
  }
  return stream;
}

gk_stream *gk_stream_default(gk_isolate *iso, gk_device *device, gk_error *error) {
  gk_stream **stream = &iso->defaults[device->index];
  if (!*stream) *stream = gk_stream_open(device, 0, error);
  return *stream;
}

// ---- contexts

static uint32_t context_open(gk_isolate *iso, gk_stream *stream) {
  uint32_t ctx = iso->context_free;
  if (GK_LIKELY(ctx != 0)) {
    iso->context_free = gk_contexts[ctx].next_free;
  } else {
    gk_mutex_lock(&contexts_lock);
    if (contexts_free) {
      ctx = contexts_free;
      contexts_free = gk_contexts[ctx].next_free;
    } else if (contexts_used < GK_MAX_CONTEXTS) {
      ctx = contexts_used++;
    }
    if (ctx) gk_contexts[ctx].owner = iso;
    gk_mutex_unlock(&contexts_lock);
    if (!ctx) return 0;
  }
  gk_context *c = &gk_contexts[ctx];
  c->isolate = iso;
  c->stream = stream;
  c->head = c->count = 0;
  iso->contexts++;
  return ctx;
}

uint32_t gk_context_begin(uint32_t ctx, uint32_t stream) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_stream *s = c->stream;
  if (stream && !(s = gk_stream_find(c, stream, "stream.run"))) return 0;
  uint32_t made = context_open(c->isolate, s);
  if (!made)
    return gk_fail(c->isolate, GK_OUT_OF_MEMORY,
                   "scope: %u scopes are open at once, which is the limit; await some of them",
                   GK_MAX_CONTEXTS);
  return made;
}

uint32_t gk_context_end(uint32_t ctx, uint32_t keep, uint32_t parent) {
  gk_context *c = gk_context_get(ctx), *up = keep ? gk_context_get(parent) : NULL;
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  if (ctx == iso->root || (keep && (!up || up->isolate != iso || up == c))) return 0;
  uint32_t count = c->count;
  for (uint32_t index = c->head; index;) {
    gk_array *a = gk_array_at(iso, index);
    index = a->next;
    if (keep)
      link_array(up, parent, iso, a);
    else
      free_record(iso, a);
  }
  c->isolate = NULL;
  c->next_free = iso->context_free;
  iso->context_free = ctx;
  iso->contexts--;
  return count;
}

uint32_t gk_context_set_device(uint32_t ctx, uint32_t device) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  if (device >= gk_device_count) {
    gk_fail(iso, GK_DEVICE, "there is no device %u; there are %u", device, gk_device_count);
    return GK_DEVICE;
  }
  gk_error error;
  gk_stream *stream = gk_stream_default(iso, &gk_devices[device], &error);
  if (!stream) {
    gk_fail_error(iso, &error);
    return error.status;
  }
  c->stream = stream;
  return GK_OK;
}

void gk_contexts_leave(gk_isolate *iso, const gk_stream *stream) {
  uint32_t device = stream->device->index;
  gk_mutex_lock(&contexts_lock);
  for (uint32_t i = 1; i < contexts_used; i++)
    if (gk_contexts[i].owner == iso && gk_contexts[i].stream == stream)
      gk_contexts[i].stream = iso->defaults[device];
  gk_mutex_unlock(&contexts_lock);
}

// ---- the isolate itself

static void isolate_end(void *value) {
  gk_isolate *iso = value;
  gk_ring_close(iso->ring); // wakes a waiting gk_completion_wait
  for (uint32_t i = 1; i < iso->object_count; i++) {
    gk_object *o = &iso->objects[i];
    if (!o->handle) continue;
    switch ((gk_kind)o->kind) {
    case GK_STREAM:
      gk_stream_close(o->value);
      break;
    case GK_EVENT:
      gk_event_free(o->value);
      break;
    case GK_GRAPH:
      gk_graph_free(iso, o->value);
      break;
    case GK_GENERATOR:
      gk_generator_release(o->value);
      break;
    case GK_BUFFER:
      gk_buffer_free(iso, o->value);
      break;
    case GK_MODULE:
      gk_module_release(o->value);
      break;
    }
  }
  if (iso->recording) gk_graph_free(iso, iso->recording);
  for (uint32_t i = 1; i < iso->used; i++) {
    gk_array *a = gk_array_at(iso, i);
    if (a->handle) free_record(iso, a);
  }
  for (uint32_t i = 0; i < gk_device_count; i++)
    if (iso->defaults[i]) gk_stream_close(iso->defaults[i]);
  gk_generator_release(iso->generator);
  gk_storage_cache_clear(&iso->cache);
  gk_mutex_lock(&contexts_lock);
  for (uint32_t i = 1; i < contexts_used; i++)
    if (gk_contexts[i].owner == iso) {
      gk_contexts[i].owner = gk_contexts[i].isolate = NULL;
      gk_contexts[i].next_free = contexts_free;
      contexts_free = i;
    }
  gk_mutex_unlock(&contexts_lock);
  for (uint32_t i = 0; i < GK_MAX_ARRAYS / GK_CHUNK; i++) free(iso->chunks[i]);
  free(iso->objects);
  free(iso);
}

uint32_t gk_abi_version(void) { return GK_ABI_VERSION; }

uint32_t gk_isolate_attach(void *block, uint32_t bytes) {
  _Static_assert(sizeof(gk_block_output) <= GK_BLOCK_BYTES / 2, "output half of the block");
  if (!block || bytes != GK_BLOCK_BYTES || ((uintptr_t)block & 7)) return 0;
  gk_devices_initialize();
  gk_isolate *iso = calloc(1, sizeof *iso);
  if (!iso) return 0;
  iso->in_u32 = block;
  iso->in_f64 = block;
  iso->out = (gk_block_output *)((char *)block + GK_BLOCK_BYTES / 2);
  iso->used = 1; // index 0 ends lists
  iso->chunks[0] = calloc(GK_CHUNK, sizeof **iso->chunks);
  iso->ring = gk_ring_open();
  int device = gk_devices_default();
  gk_error error;
  // Where that fails, the first call that needs the stream tries again and says why.
  gk_stream *stream = device >= 0 ? gk_stream_default(iso, &gk_devices[device], &error) : NULL;
  if (iso->chunks[0] && iso->ring) iso->root = context_open(iso, stream);
  // Seeded from the clock and this address: fresh numbers for every run unless the user seeds.
  iso->generator = gk_generator_make(gk_now_ns() * 0x9e3779b97f4a7c15u ^ (uint64_t)(uintptr_t)iso);
  if (!iso->root || !iso->generator || !gk_thread_at_exit(isolate_end, iso)) {
    if (iso->ring) gk_ring_close(iso->ring);
    if (iso->root) gk_contexts[iso->root].isolate = NULL;
    free(iso->generator);
    free(iso->chunks[0]);
    free(iso);
    return 0;
  }
  return iso->root;
}
