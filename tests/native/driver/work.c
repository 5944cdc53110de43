// The things a stream does, one row a kind: how it is done, and whether it is done on a lost device too:
// moments must be reached there as well and memory given back, and all else is dropped.
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "state.h"

work *work_new(work_kind kind, size_t bytes) {
  work *w = calloc(1, sizeof *w + bytes);
  if (w == NULL) return NULL;
  w->kind = kind;
  w->references = 1;
  return w;
}

void work_release(work *w) {
  if (--w->references > 0) return;
  if (w->kind == WORK_MARK || w->kind == WORK_AWAIT) moment_release(w->moment);
  free(w);
}

// ---- moments

moment *moment_new(void) {
  moment *m = calloc(1, sizeof *m);
  if (m != NULL) m->references = 1;
  return m;
}

void moment_release(moment *m) {
  if (m != NULL && --m->references == 0) free(m);
}

static void mark(const work *w, stream *s) {
  (void)s;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  w->moment->nanoseconds = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
  w->moment->done = true;
  w->moment->stream = NULL;
}

static void await(const work *w, stream *s) {
  (void)s;
  moment *m = w->moment;
  if (!m->done) stream_allow(m->stream, m->number);
  while (!m->done) pthread_cond_wait(&progress, &state);
}

// ---- memory

// Both ends of a copy, or its one end, are held while the bytes move: nobody takes them away meanwhile.
static bool hold(const stream *s, uintptr_t address, size_t bytes, memory **used) {
  if (memory_use(address, bytes, used)) return true;
  standin_report_set("%zu bytes at %#zx were not there when a copy or fill came to them: freed, or "
                     "allocated on another stream without waiting for it",
                     bytes, (size_t)address);
  device_fault(s->device, CUDA_ERROR_ILLEGAL_ADDRESS);
  return false;
}

static void copy(const work *w, stream *s) {
  memory *from = NULL, *to;
  const void *bytes = w->bytes;
  if (w->copy.source != NULL) {
    // What a device had in its memory is gone with it; whoever copies from it goes on.
    if (w->copy.source->lost != CUDA_SUCCESS) return;
    peer_copies[w->copy.direct]++;
    if (driver_settings()->drops > !w->copy.direct) return;
  }
  if (w->copy.from != 0) {
    if (!hold(s, w->copy.from, w->copy.bytes, &from)) return;
    bytes = (const void *)w->copy.from;
  }
  if (hold(s, w->copy.to, w->copy.bytes, &to)) {
    pthread_mutex_unlock(&state);
    memmove((void *)w->copy.to, bytes, w->copy.bytes);
    pthread_mutex_lock(&state);
    memory_unuse(to);
  }
  memory_unuse(from);
}

static void set(const work *w, stream *s) {
  memory *to;
  if (!hold(s, w->set.to, w->set.bytes, &to)) return;
  pthread_mutex_unlock(&state);
  memset((void *)w->set.to, w->set.value, w->set.bytes);
  pthread_mutex_lock(&state);
  memory_unuse(to);
}

static void close_memory(memory *m, stream *s) {
  if (!memory_close(m)) device_fault(s->device, CUDA_ERROR_ILLEGAL_ADDRESS);
}

static void allocate(const work *w, stream *s) {
  memory *m = w->memory;
  memory_open(m);
  if (!m->ready) device_fault(s->device, CUDA_ERROR_UNKNOWN);
  if (m->phase == MEMORY_WAITING) m->phase = MEMORY_LIVE;
  if (m->abandoned) close_memory(m, s);
}

static void release(const work *w, stream *s) {
  memory *m = w->memory;
  if (!m->ready || m->users > 0) {
    standin_report_set("%zu bytes at %#zx were freed while another stream still %s", m->bytes,
                       (size_t)m->address, m->ready ? "used them" : "had to allocate them");
    device_fault(s->device, CUDA_ERROR_ILLEGAL_ADDRESS);
  }
  pool_freed(m->pool, m->bytes);
  if (!m->ready) {
    m->abandoned = true;
    return;
  }
  memory_settle(m);
  close_memory(m, s);
}

// ---- kernels and host functions

static void launch(const work *w, stream *s) {
  if (!launch_reaches(&w->launch, s->device)) {
    device_fault(s->device, CUDA_ERROR_ILLEGAL_ADDRESS);
    return;
  }
  device_at_work = s->device;
  pthread_mutex_unlock(&state);
  const CUresult result = standin_grid_run(&w->launch);
  pthread_mutex_lock(&state);
  if (result != CUDA_SUCCESS) device_fault(s->device, result);
}

static void call_host(const work *w, stream *s) {
  (void)s;
  pthread_mutex_unlock(&state);
  in_host_function = true;
  w->host.function(w->host.value);
  in_host_function = false;
  pthread_mutex_lock(&state);
}

static const struct {
  void (*run)(const work *w, stream *s);
  bool when_lost;
} kinds[WORK_KINDS] = {
    [WORK_COPY] = {copy, false},        [WORK_SET] = {set, false},
    [WORK_LAUNCH] = {launch, false},    [WORK_HOST] = {call_host, false},
    [WORK_MARK] = {mark, true},         [WORK_AWAIT] = {await, true},
    [WORK_ALLOCATE] = {allocate, true}, [WORK_FREE] = {release, true},
};

void work_run(const work *w, stream *s) {
  if (s->device->lost == CUDA_SUCCESS || kinds[w->kind].when_lost) kinds[w->kind].run(w, s);
}
