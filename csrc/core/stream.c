// Streams and events as core/ sees them: sequence numbers, commands, faults. The queue itself is
// the device's.
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "isolate.h"

static gk_mutex free_lock = GK_MUTEX_INIT;
static gk_stream *free_streams; // closed ones, of any device

// A closed stream may still be working off its queue: only an idle one gets a new owner.
static bool reusable(gk_stream *s, const gk_device *device, int32_t priority) {
  if (s->device != device || s->priority != priority) return false;
  if (!device->api->host_memory && !gk_stream_idle(s)) device->api->stream_query(s);
  return gk_stream_idle(s);
}

gk_stream *gk_stream_open(gk_device *device, int32_t priority, gk_error *error) {
  if (!device->api->open(device, error)) return NULL;
  gk_mutex_lock(&free_lock);
  gk_stream **link = &free_streams;
  while (*link && !reusable(*link, device, priority)) link = &(*link)->next;
  gk_stream *s = *link;
  if (s) *link = s->next;
  gk_mutex_unlock(&free_lock);
  if (!s) {
    s = calloc(1, sizeof *s);
    if (!s) {
      gk_error_set(error, GK_OUT_OF_MEMORY, "stream: no memory for another stream");
      return NULL;
    }
    gk_mutex_init(&s->fault_lock);
    s->device = device;
    s->priority = priority;
  }
  s->handle = 0;
  s->owner = NULL;
  for (int i = 0; i < 2; i++) atomic_store(&s->faulted[i], 0);
  if (!device->api->stream_open(s, error)) {
    if (s->impl)
      gk_stream_close(s);
    else
      free(s);
    return NULL;
  }
  return s;
}

void gk_stream_close(gk_stream *s) {
  s->device->api->stream_close(s);
  gk_mutex_lock(&free_lock);
  s->next = free_streams;
  free_streams = s;
  gk_mutex_unlock(&free_lock);
}

void gk_stream_set_fault(gk_stream *s, gk_fault kind, const gk_error *error) {
  gk_mutex_lock(&s->fault_lock);
  if (!atomic_load(&s->faulted[kind])) s->fault[kind] = *error;
  atomic_store(&s->faulted[kind], 1);
  gk_mutex_unlock(&s->fault_lock);
}

bool gk_stream_take_fault(gk_stream *s, gk_fault kind, gk_error *error) {
  if (!atomic_load_explicit(&s->faulted[kind], memory_order_acquire)) return false;
  gk_mutex_lock(&s->fault_lock);
  *error = s->fault[kind];
  atomic_store(&s->faulted[kind], 0);
  gk_mutex_unlock(&s->fault_lock);
  return true;
}

static bool take_any_fault(gk_stream *s, gk_error *error) {
  return gk_stream_take_fault(s, GK_FAULT_INDEX, error) ||
         gk_stream_take_fault(s, GK_FAULT_FAILED, error);
}

// All streams of an isolate: the default ones, then those among its objects; NULL for others.
static gk_stream *stream_number(gk_isolate *iso, uint32_t i) {
  if (i < gk_device_count) return iso->defaults[i];
  const gk_object *o = &iso->objects[i - gk_device_count];
  return o->handle && o->kind == GK_STREAM ? o->value : NULL;
}

bool gk_check_faults(gk_isolate *iso) {
  gk_error error;
  for (uint32_t i = 0; i < gk_device_count + iso->object_count; i++) {
    gk_stream *s = stream_number(iso, i);
    if (s && gk_stream_take_fault(s, GK_FAULT_INDEX, &error)) return gk_fail_error(iso, &error);
  }
  return true;
}

// ---- commands

gk_command *gk_command_create(gk_stream *stream) {
  gk_command *command = malloc(sizeof *command);
  if (!command) return NULL;
  memset(command, 0, offsetof(gk_command, task));
  command->stream = stream;
  return command;
}

// A program that submits faster than the device computes waits here, so that its queue stays bounded.
#define QUEUE_LIMIT 4096

gk_mark gk_command_submit(gk_command *command) {
  gk_stream *s = command->stream;
  uint64_t submitted = atomic_load_explicit(&s->submitted, memory_order_relaxed);
  // The queues of devices that have their own are bounded by those.
  if (s->device->api->host_memory &&
      submitted - atomic_load_explicit(&s->completed, memory_order_relaxed) >= QUEUE_LIMIT)
    s->device->api->stream_wait(s, submitted - QUEUE_LIMIT / 2);
  gk_mark mark = gk_stream_advance(s);
  command->sequence = mark.sequence;
  s->device->api->stream_enqueue(s, command);
  return mark;
}

void gk_task_set(gk_task *task, const gk_call *call) {
  task->call = *call;
  int n = 0;
  for (int i = 0; i < 3; i++)
    if (call->in[i]) {
      task->views[n] = *call->in[i];
      task->call.in[i] = &task->views[n++];
    }
  for (int i = 0; i < 2; i++)
    if (call->out[i]) {
      task->views[n] = *call->out[i];
      task->call.out[i] = &task->views[n++];
    }
  for (int i = 0; i < n; i++) gk_storage_retain(task->views[i].storage);
}

void gk_task_release(gk_task *task, gk_storage_cache *cache) {
  for (int i = 0; i < 3; i++)
    if (task->call.in[i]) gk_storage_release(task->call.in[i]->storage, cache);
  for (int i = 0; i < 2; i++)
    if (task->call.out[i]) gk_storage_release(task->call.out[i]->storage, cache);
}

void gk_task_run(gk_task *task, gk_stream *stream) {
  gk_call *call = &task->call;
  gk_device *device = stream->device;
  gk_error error;
  error.status = GK_OK;
  for (int i = 0; i < 3 && error.status == GK_OK; i++)
    if (call->in[i]) {
      const gk_error *poison = atomic_load(&call->in[i]->storage->poison);
      if (poison) error = *poison;
    }
  for (int i = 0; i < 2 && error.status == GK_OK; i++)
    if (call->out[i] && !gk_storage_materialise(call->out[i]->storage, stream))
      gk_error_memory(&error, device, gk_op_name(call->op), call->out[i]->storage->bytes);
  if (error.status == GK_OK && device->api->run(stream, call, &error) == GK_OK) return;
  if (error.status == GK_INDEX) { // every other element has been computed
    gk_stream_set_fault(stream, GK_FAULT_INDEX, &error);
    return;
  }
  gk_stream_set_fault(stream, GK_FAULT_FAILED, &error);
  for (int i = 0; i < 2; i++)
    if (call->out[i]) gk_storage_poison(call->out[i]->storage, &error);
}

// ---- streams over the ABI

uint32_t gk_stream_create(uint32_t ctx, uint32_t device, int32_t priority) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  if (device >= gk_device_count)
    return gk_fail(iso, GK_DEVICE, "stream: there is no device %u; there are %u", device,
                   gk_device_count);
  if (priority < -1 || priority > 1)
    return gk_fail(iso, GK_ARGUMENT, "stream: priority %d is not -1, 0 or 1", priority);
  gk_error error;
  gk_stream *s = gk_stream_open(&gk_devices[device], priority, &error);
  if (!s) return gk_fail_error(iso, &error);
  uint32_t handle = gk_object_add(iso, GK_STREAM, s);
  if (!handle) {
    gk_stream_close(s);
    return gk_fail(iso, GK_OUT_OF_MEMORY, "stream: no memory for another stream");
  }
  s->owner = iso;
  return s->handle = handle;
}

uint32_t gk_stream_dispose(uint32_t ctx, uint32_t stream) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_stream *s = gk_object_get(c->isolate, stream, GK_STREAM);
  if (!s) {
    gk_fail(c->isolate, GK_DISPOSED, "stream: it is disposed already");
    return GK_DISPOSED;
  }
  gk_contexts_leave(c->isolate, s);
  s->handle = 0;
  gk_object_remove(c->isolate, stream);
  gk_stream_close(s);
  return GK_OK;
}

static void wait_stream(gk_stream *s) {
  if (!gk_stream_idle(s)) s->device->api->stream_wait(s, atomic_load(&s->submitted));
}

// Fails with why the device can run nothing any more, where that is so.
static bool check_lost(gk_isolate *iso, gk_device *device) {
  const gk_error *lost = device->api->lost ? device->api->lost(device) : NULL;
  return !lost || gk_fail_error(iso, lost);
}

void gk_streams_wait(gk_isolate *iso, const gk_device *device) {
  for (uint32_t i = 0; i < gk_device_count + iso->object_count; i++) {
    gk_stream *s = stream_number(iso, i);
    if (s && s->device == device) wait_stream(s);
  }
}

uint32_t gk_stream_synchronize(uint32_t ctx, uint32_t stream, int32_t device) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_error error;
  bool faulted = false;
  if (iso->recording) {
    gk_fail(iso, GK_UNSUPPORTED, "synchronize: a graph is being recorded; wait after it");
    return GK_UNSUPPORTED;
  }
  if (device < 0) {
    gk_stream *s = gk_stream_find(c, stream, "stream.done");
    if (!s) return (uint32_t)iso->out->status;
    if (device == -1) wait_stream(s);
    if (!check_lost(iso, s->device)) return GK_DEVICE_LOST;
    faulted = take_any_fault(s, &error);
  } else if ((uint32_t)device < gk_device_count) {
    // All are waited for before the first error is raised.
    gk_streams_wait(iso, &gk_devices[device]);
    if (!check_lost(iso, &gk_devices[device])) return GK_DEVICE_LOST;
    for (uint32_t i = 0; i < gk_device_count + iso->object_count && !faulted; i++) {
      gk_stream *s = stream_number(iso, i);
      if (s && s->device->index == (uint32_t)device) faulted = take_any_fault(s, &error);
    }
  }
  if (!faulted) return GK_OK;
  gk_fail_error(iso, &error);
  return error.status;
}

// ---- events

// Of a host device: a command that takes the time when its turn comes. Of any other: the device's own.
typedef struct gk_event {
  _Atomic int references; // the handle, and the queue until it happens
  _Atomic uint64_t time;  // 0 until it has happened
  gk_mark mark;
  gk_stream *stream;
  void *impl;
} gk_event;

void gk_event_free(void *event) {
  gk_event *e = event;
  if (atomic_fetch_sub(&e->references, 1) != 1) return;
  if (e->impl) e->stream->device->api->event_release(e->impl);
  free(e);
}

static void event_happens(gk_command *command) {
  gk_event *e = command->payload;
  atomic_store(&e->time, gk_now_ns());
  gk_event_free(e);
}

// Puts the event behind what the stream has got so far; false with the error.
static bool event_start(gk_event *e, gk_stream *s, gk_error *error) {
  atomic_store(&e->references, 1);
  e->stream = s;
  if (!s->device->api->host_memory) {
    e->impl = s->device->api->event_record(s, error);
    gk_stream_advance(s);
    return e->impl != NULL;
  }
  if (gk_stream_idle(s)) {
    atomic_store(&e->time, gk_now_ns());
    return true;
  }
  gk_command *command = gk_command_create(s);
  if (!command) {
    gk_error_set(error, GK_OUT_OF_MEMORY, "stream.record: no memory for an event");
    return false;
  }
  atomic_store(&e->references, 2);
  command->payload = e;
  command->execute = event_happens;
  e->mark = gk_command_submit(command);
  return true;
}

uint32_t gk_stream_record(uint32_t ctx, uint32_t stream) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return 0;
  gk_isolate *iso = c->isolate;
  gk_stream *s = gk_stream_find(c, stream, "stream.record");
  if (!s) return 0;
  if (iso->recording)
    return gk_fail(iso, GK_UNSUPPORTED, "stream.record: a graph is being recorded");
  gk_event *e = calloc(1, sizeof *e);
  uint32_t handle = e ? gk_object_add(iso, GK_EVENT, e) : 0;
  if (!handle) {
    free(e);
    return gk_fail(iso, GK_OUT_OF_MEMORY, "stream.record: no memory for an event");
  }
  gk_error error;
  if (event_start(e, s, &error)) return handle;
  gk_object_remove(iso, handle);
  free(e);
  return gk_fail_error(iso, &error);
}

uint32_t gk_stream_wait(uint32_t ctx, uint32_t stream, uint32_t event) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  gk_stream *s = gk_stream_find(c, stream, "stream.wait");
  if (!s) return (uint32_t)iso->out->status;
  gk_event *e = gk_object_get(iso, event, GK_EVENT);
  if (!e) {
    gk_fail(iso, GK_DISPOSED, "stream.wait: the event is disposed");
    return GK_DISPOSED;
  }
  if (e->stream == s) return GK_OK;
  if (e->impl && e->stream->device->api == s->device->api) {
    s->device->api->event_wait(s, e->impl);
    gk_stream_advance(s);
    return GK_OK;
  }
  if (e->impl) { // of another kind of device: its work must be done first
    e->stream->device->api->event_elapsed(e->impl, e->impl);
    return GK_OK;
  }
  if (gk_mark_passed(e->mark)) return GK_OK;
  if (!s->device->api->host_memory) {
    e->stream->device->api->stream_wait(e->stream, e->mark.sequence);
    return GK_OK;
  }
  gk_command *command = gk_command_create(s);
  if (!command) {
    gk_fail(iso, GK_OUT_OF_MEMORY, "stream.wait: out of memory");
    return GK_OUT_OF_MEMORY;
  }
  command->waits[command->wait_count++] = e->mark;
  gk_command_submit(command);
  return GK_OK;
}

uint32_t gk_event_query(uint32_t ctx, uint32_t event) {
  gk_context *c = gk_context_get(ctx);
  gk_event *e = c ? gk_object_get(c->isolate, event, GK_EVENT) : NULL;
  if (!e) return 0;
  return e->impl ? e->stream->device->api->event_happened(e->impl) : atomic_load(&e->time) != 0;
}

double gk_event_elapsed(uint32_t ctx, uint32_t start, uint32_t end) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return __builtin_nan("");
  gk_isolate *iso = c->isolate;
  gk_event *e[2] = {gk_object_get(iso, start, GK_EVENT), gk_object_get(iso, end, GK_EVENT)};
  for (int i = 0; i < 2; i++) {
    if (!e[i]) {
      gk_fail(iso, GK_DISPOSED, "event.elapsedMs: an event is disposed");
      return __builtin_nan("");
    }
    if (!e[i]->impl && !gk_mark_passed(e[i]->mark))
      e[i]->mark.stream->device->api->stream_wait(e[i]->mark.stream, e[i]->mark.sequence);
  }
  gk_device *device = e[0]->stream->device;
  if (device != e[1]->stream->device && (e[0]->impl || e[1]->impl)) {
    gk_fail(iso, GK_DEVICE,
            "event.elapsedMs: the events are of %s and %s, whose clocks cannot be compared",
            device->name, e[1]->stream->device->name);
    return __builtin_nan("");
  }
  if (!e[0]->impl)
    return ((double)atomic_load(&e[1]->time) - (double)atomic_load(&e[0]->time)) * 1e-6;
  double ms = device->api->event_elapsed(e[0]->impl, e[1]->impl);
  if (ms != ms && check_lost(iso, device))
    gk_fail(iso, GK_DEVICE, "event.elapsedMs: %s gives no time for these events", device->name);
  return ms;
}

uint32_t gk_event_dispose(uint32_t ctx, uint32_t event) {
  gk_context *c = gk_context_get(ctx);
  gk_event *e = c ? gk_object_get(c->isolate, event, GK_EVENT) : NULL;
  if (!e) return 0;
  gk_object_remove(c->isolate, event);
  gk_event_free(e);
  return 1;
}
