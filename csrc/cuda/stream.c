// Streams, what waits for them, and events. Ops go straight into the driver's queues; commands of core/
// (completions) are host functions there. The driver calls none of those once its context has failed, so
// that a watch asks the streams that owe one from time to time.
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#if !defined(_WIN32)
#include <time.h>
#endif

// ---- opening

static int priority_of(const gk_cuda_device *d, int32_t priority) {
  // The driver's numbers fall with the urgency; normal is 0.
  return priority > 0 ? d->greatest_priority : priority < 0 ? d->least_priority : 0;
}

bool gk_cuda_stream_open(gk_stream *stream, gk_error *error) {
  if (stream->impl) return true;
  gk_cuda_device *d = gk_cuda_of(stream->device);
  if (gk_cuda_enter(d, error) != GK_OK) return false;
  gk_cuda_stream *q = calloc(1, sizeof *q);
  if (!q) {
    gk_error_set(error, GK_OUT_OF_MEMORY, "stream: no memory for another stream");
    return false;
  }
  gk_mutex_init(&q->lock);
  q->base = stream;
  q->last = &q->first;
  CUresult result = gk_cu.cuStreamCreateWithPriority(&q->queue, CU_STREAM_NON_BLOCKING,
                                                     priority_of(d, stream->priority));
  if (result == CUDA_SUCCESS) {
    result = gk_cu.cuEventCreate(&q->order, CU_EVENT_DISABLE_TIMING);
    if (result == CUDA_SUCCESS && !gk_cuda_take_fault_slot(d, &q->fault))
      result = CUDA_ERROR_OUT_OF_MEMORY;
  }
  if (result != CUDA_SUCCESS) {
    if (q->order) gk_cu.cuEventDestroy_v2(q->order);
    if (q->queue) gk_cu.cuStreamDestroy_v2(q->queue);
    free(q);
    gk_cuda_fail(d, NULL, result, "stream", error);
    return false;
  }
  stream->impl = q;
  gk_mutex_lock(&d->lock);
  q->next = d->streams;
  d->streams = q;
  gk_mutex_unlock(&d->lock);
  return true;
}

// What is queued still runs, and the stream waits for its next owner.
void gk_cuda_stream_close(gk_stream *stream) { (void)stream; }

// ---- commands

// The first command, taken out; NULL where there is none.
static gk_command *take_command(gk_cuda_stream *q) {
  gk_mutex_lock(&q->lock);
  gk_command *command = q->first;
  if (command) q->first = command->next;
  if (!q->first) q->last = &q->first;
  gk_mutex_unlock(&q->lock);
  return command;
}

static void run_command(gk_cuda_stream *q, gk_command *command) {
  // Whoever hears of the command finds all before it done, and what that has left.
  gk_cuda_collect_faults(q->base, false);
  gk_cuda_sources_ran(q->base);
  gk_stream_complete(q->base, command->sequence - 1);
  if (command->execute) command->execute(command);
  gk_stream_complete(q->base, command->sequence);
  free(command);
}

static void CUDAAPI host_function(void *stream) {
  gk_command *command = take_command(stream);
  if (command) run_command(stream, command);
}

void gk_cuda_release_waiters(gk_cuda_device *d) {
  gk_mutex_lock(&d->lock);
  gk_cuda_stream *q = d->streams; // only ever added to at the front
  gk_mutex_unlock(&d->lock);
  for (; q; q = q->next)
    for (gk_command *command; (command = take_command(q));) run_command(q, command);
}

// ---- the watch

static gk_mutex watch_lock = GK_MUTEX_INIT;
static gk_condition watch_needed = GK_CONDITION_INIT;
static bool watching, watch_wanted;

#define WATCH_MS 50

static void pause_ms(int ms) {
#if defined(_WIN32)
  Sleep((DWORD)ms);
#else
  struct timespec t = {0, ms * 1000000L};
  nanosleep(&t, NULL);
#endif
}

// Does any stream owe a host function? Those of a device that has failed are let go.
static bool watch_streams(void) {
  bool owed = false;
  for (uint32_t i = 0; i < gk_device_count; i++) {
    if (gk_devices[i].api->host_memory) continue;
    gk_cuda_device *d = gk_cuda_of(&gk_devices[i]);
    gk_mutex_lock(&d->lock);
    gk_cuda_stream *q = d->streams;
    gk_mutex_unlock(&d->lock);
    for (; q; q = q->next) {
      gk_mutex_lock(&q->lock);
      bool waits = q->first != NULL;
      gk_mutex_unlock(&q->lock);
      if (!waits) continue;
      gk_error error;
      CUresult result = CUDA_SUCCESS;
      if (gk_cuda_enter(d, &error) == GK_OK) result = gk_cu.cuStreamQuery(q->queue);
      if (atomic_load(&d->lost))
        gk_cuda_release_waiters(d);
      else if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY)
        gk_cuda_fail(d, q->base, result, "waiting", &error);
      else
        owed = true;
    }
  }
  return owed;
}

static void watch(void *unused) {
  (void)unused;
  for (;;) {
    gk_mutex_lock(&watch_lock);
    while (!watch_wanted) gk_condition_wait(&watch_needed, &watch_lock);
    watch_wanted = false;
    gk_mutex_unlock(&watch_lock);
    do pause_ms(WATCH_MS);
    while (watch_streams());
  }
}

static void want_watch(void) {
  gk_mutex_lock(&watch_lock);
  watch_wanted = true;
  if (!watching) watching = gk_thread_start(watch, NULL);
  gk_condition_signal(&watch_needed);
  gk_mutex_unlock(&watch_lock);
}

void gk_cuda_stream_enqueue(gk_stream *stream, gk_command *command) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  for (int i = 0; i < command->wait_count; i++) gk_cuda_stream_order(stream, command->waits[i]);
  command->next = NULL;
  gk_mutex_lock(&q->lock);
  *q->last = command;
  q->last = &command->next;
  gk_mutex_unlock(&q->lock);
  gk_error error;
  CUresult result = CUDA_SUCCESS;
  gk_status status = gk_cuda_enter(d, &error);
  if (status == GK_OK) result = gk_cu.cuLaunchHostFunc(q->queue, host_function, q);
  if (status == GK_OK && result == CUDA_SUCCESS) {
    want_watch();
    return;
  }
  // Waited for in place of the driver: whoever asked for the command must hear of it.
  if (status == GK_OK && gk_cuda_fail(d, stream, result, "await", &error) != GK_DEVICE_LOST)
    gk_cuda_synchronise(stream, "await", &error);
  host_function(q);
}

// ---- waiting

gk_status gk_cuda_synchronise(gk_stream *stream, const char *doing, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  uint64_t submitted = atomic_load_explicit(&stream->submitted, memory_order_acquire);
  uint64_t launched = atomic_load(&q->launched);
  atomic_fetch_add_explicit(&stream->device->synchronisations, 1, memory_order_relaxed);
  CUresult result = gk_cu.cuStreamSynchronize(q->queue);
  // Work that has not been waited for may not be taken for done: its memory would be given to others.
  if (result == CUDA_ERROR_OUT_OF_MEMORY) result = gk_cu.cuStreamSynchronize(q->queue);
  if (result != CUDA_SUCCESS) return gk_cuda_lose(d, stream, result, doing, error);
  atomic_store(&q->launched_known, launched);
  gk_cuda_collect_faults(stream, true);
  gk_cuda_settle_sources(stream);
  gk_stream_complete(stream, submitted);
  return GK_OK;
}

void gk_cuda_stream_wait(gk_stream *stream, uint64_t sequence) {
  if (atomic_load_explicit(&stream->completed, memory_order_acquire) >= sequence) return;
  gk_error error;
  // Of a lost device nothing runs any more: all of it is over.
  gk_cuda_synchronise(stream, "waiting", &error);
  gk_stream_complete(stream, sequence);
}

void gk_cuda_stream_query(gk_stream *stream) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  gk_error error;
  uint64_t submitted = atomic_load_explicit(&stream->submitted, memory_order_acquire);
  if (gk_stream_idle(stream) || gk_cuda_enter(d, &error) != GK_OK) return;
  CUresult result = gk_cu.cuStreamQuery(q->queue);
  if (result == CUDA_SUCCESS) {
    gk_cuda_collect_faults(stream, false);
    gk_cuda_settle_sources(stream);
    gk_stream_complete(stream, submitted);
  } else if (result != CUDA_ERROR_NOT_READY) {
    gk_cuda_fail(d, stream, result, "asking a stream", &error);
  }
}

void gk_cuda_stream_order(gk_stream *stream, gk_mark mark) {
  gk_cuda_device *d = gk_cuda_of(stream->device), *other = gk_cuda_of(mark.stream->device);
  gk_cuda_stream *to = gk_cuda_stream_of(stream), *from = gk_cuda_stream_of(mark.stream);
  if (to == from || gk_mark_passed(mark)) return;
  gk_error error;
  if (gk_cuda_enter(d, &error) != GK_OK) return;
  if (atomic_load_explicit(&other->lost, memory_order_acquire)) { // nothing runs there any more
    gk_stream_complete(mark.stream, mark.sequence);
    return;
  }
  // The event stands behind the mark, at what the other stream was given last; a wait keeps the place that
  // the event has at the call, so that one event a stream is enough.
  gk_mutex_lock(&from->lock);
  CUresult result = gk_cu.cuEventRecord(from->order, from->queue);
  if (result == CUDA_SUCCESS) result = gk_cu.cuStreamWaitEvent(to->queue, from->order, 0);
  gk_mutex_unlock(&from->lock);
  if (result == CUDA_SUCCESS) return;
  gk_cuda_fail_pair(d, stream, other, result, "ordering streams", &error);
  gk_cuda_stream_wait(mark.stream, mark.sequence); // slower, and as right
  gk_cuda_enter(d, &error);
}

// ---- events

typedef struct event {
  gk_cuda_device *device;
  gk_stream *stream;
  CUevent event;
} event;

void *gk_cuda_event_record(gk_stream *stream, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  if (gk_cuda_enter(d, error) != GK_OK) return NULL;
  event *e = calloc(1, sizeof *e);
  if (!e) {
    gk_error_set(error, GK_OUT_OF_MEMORY, "stream.record: no memory for an event");
    return NULL;
  }
  e->device = d;
  e->stream = stream;
  CUresult result = gk_cu.cuEventCreate(&e->event, CU_EVENT_DEFAULT);
  if (result == CUDA_SUCCESS) {
    result = gk_cu.cuEventRecord(e->event, gk_cuda_stream_of(stream)->queue);
    if (result == CUDA_SUCCESS) return e;
    gk_cu.cuEventDestroy_v2(e->event);
  }
  free(e);
  gk_cuda_fail(d, stream, result, "stream.record", error);
  return NULL;
}

void gk_cuda_event_wait(gk_stream *stream, void *value) {
  event *e = value;
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_error error;
  if (gk_cuda_enter(d, &error) != GK_OK) return;
  CUresult result = gk_cu.cuStreamWaitEvent(gk_cuda_stream_of(stream)->queue, e->event, 0);
  if (result != CUDA_SUCCESS &&
      gk_cuda_fail_pair(d, stream, e->device, result, "stream.wait", &error) != GK_DEVICE_LOST)
    gk_cu.cuEventSynchronize(e->event); // slower, and as right
}

bool gk_cuda_event_happened(void *value) {
  event *e = value;
  gk_error error;
  if (gk_cuda_enter(e->device, &error) != GK_OK) return true; // nothing will ever run before it
  CUresult result = gk_cu.cuEventQuery(e->event);
  if (result == CUDA_ERROR_NOT_READY) return false;
  if (result != CUDA_SUCCESS) gk_cuda_fail(e->device, e->stream, result, "event", &error);
  return true;
}

double gk_cuda_event_elapsed(void *start, void *end) {
  event *e[2] = {start, end};
  gk_cuda_device *d = e[0]->device;
  gk_error error;
  if (gk_cuda_enter(d, &error) != GK_OK) return __builtin_nan("");
  CUresult result = CUDA_SUCCESS;
  for (int i = 0; i < 2 && result == CUDA_SUCCESS; i++) {
    atomic_fetch_add_explicit(&d->base->synchronisations, 1, memory_order_relaxed);
    result = gk_cu.cuEventSynchronize(e[i]->event);
  }
  float ms = 0;
  if (result == CUDA_SUCCESS) result = gk_cu.cuEventElapsedTime(&ms, e[0]->event, e[1]->event);
  if (result == CUDA_SUCCESS) return ms;
  gk_cuda_fail(d, e[1]->stream, result, "event.elapsedMs", &error);
  return __builtin_nan("");
}

void gk_cuda_event_release(void *value) {
  event *e = value;
  gk_error error;
  if (gk_cuda_enter(e->device, &error) == GK_OK) gk_cu.cuEventDestroy_v2(e->event);
  free(e);
}
