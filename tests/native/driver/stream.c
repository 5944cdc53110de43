// Streams: a queue each, and a thread that does what is in it. With STANDIN_LAZY=1 the thread does no more
// than what somebody has asked about.
#include <signal.h>
#include <stdlib.h>

#include "state.h"

enum { LEAST_PRIORITY = 0, GREATEST_PRIORITY = -5 };
// Who submits more than this waits, as with a GPU, whose queues are about as long.
enum { QUEUE_LIMIT = 1024 };

pthread_cond_t progress = PTHREAD_COND_INITIALIZER;

static void stream_release(stream *s) {
  if (--s->references > 0) return;
  pthread_cond_destroy(&s->wake);
  free(s->tips.list);
  free(s);
}

static bool has_work(const stream *s) { return s->first != NULL && s->finished < s->allowed; }

static void *run_stream(void *value) {
  stream *s = value;
  pthread_mutex_lock(&state);
  for (;;) {
    while (!has_work(s) && !(s->closed && s->first == NULL)) pthread_cond_wait(&s->wake, &state);
    task *t = s->first;
    if (t == NULL) break;
    s->first = t->next;
    if (t->next == NULL) s->last = NULL;
    if (t->failure != CUDA_SUCCESS) device_lose(s->device, t->failure);
    work_run(t->work, s);
    work_release(t->work);
    free(t);
    s->finished++;
    pthread_cond_broadcast(&progress);
  }
  s->o.context->threads--;
  pthread_cond_broadcast(&progress);
  stream_release(s);
  pthread_mutex_unlock(&state);
  return NULL;
}

// Signals are for the threads of the program; only faults are the stream's own. The thread is never
// joined: a process may end while it works.
static bool start_thread(stream *s) {
  sigset_t blocked, before;
  sigfillset(&blocked);
  const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&blocked, faults[i]);
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, 1 << 20);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  pthread_t thread;
  const bool ok = pthread_create(&thread, &attributes, run_stream, s) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return ok;
}

static stream *stream_new(context *c, int priority) {
  stream *s = object_new(KIND_STREAM, sizeof *s, c);
  if (s == NULL) return NULL;
  s->device = c->device;
  s->priority = priority;
  s->references = 2;
  s->allowed = driver_settings()->lazy ? 0 : UINT64_MAX;
  pthread_cond_init(&s->wake, NULL);
  if (start_thread(s)) {
    s->o.context->threads++;
    return s;
  }
  object_forget(&s->o);
  s->references = 1;
  stream_release(s);
  return NULL;
}

void stream_close(stream *s) {
  object_forget(&s->o);
  s->closed = true;
  s->allowed = UINT64_MAX;
  pthread_cond_signal(&s->wake);
  stream_release(s);
}

CUresult stream_find(CUstream handle, context *here, stream **found) {
  if (handle == NULL && here->default_stream == NULL) {
    here->default_stream = stream_new(here, LEAST_PRIORITY);
    if (here->default_stream == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *found = handle == NULL ? here->default_stream : object_find(handle, KIND_STREAM);
  return *found == NULL ? CUDA_ERROR_INVALID_HANDLE : (*found)->device->lost;
}

CUresult stream_here(CUstream handle, context *here, stream **found) {
  const CUresult bad = stream_find(handle, here, found);
  if (bad != CUDA_SUCCESS || (*found)->o.context == here) return bad;
  return CUDA_ERROR_INVALID_HANDLE;
}

void stream_allow(stream *s, uint64_t number) {
  if (s->allowed >= number) return;
  s->allowed = number;
  pthread_cond_signal(&s->wake);
}

CUresult stream_enqueue(stream *s, work *w) {
  task *t = malloc(sizeof *t);
  if (t == NULL) {
    work_release(w);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  *t = (task){.work = w, .failure = failure_of_work};
  failure_of_work = CUDA_SUCCESS;
  if (s->last == NULL) {
    s->first = t;
  } else {
    s->last->next = t;
  }
  s->last = t;
  s->queued++;
  // Who asks for a call does not look again.
  if (w->kind == WORK_HOST) stream_allow(s, s->queued);
  if (has_work(s)) pthread_cond_signal(&s->wake);
  while (s->queued - s->finished > QUEUE_LIMIT) {
    stream_allow(s, s->queued);
    pthread_cond_wait(&progress, &state);
  }
  return CUDA_SUCCESS;
}

CUresult stream_submit(stream *s, work *w) {
  return s->capture == NULL ? stream_enqueue(s, w) : capture_add(s, w);
}

CUresult stream_mark(stream *s, moment *m) {
  work *w = work_new(WORK_MARK, 0);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  m->references++;
  w->moment = m;
  const CUresult result = stream_enqueue(s, w);
  m->stream = s;
  m->number = s->queued;
  return result;
}

CUresult stream_await(stream *s, moment *m) {
  if (m->done || m->stream == s) return CUDA_SUCCESS;
  work *w = work_new(WORK_AWAIT, 0);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  m->references++;
  w->moment = m;
  return stream_enqueue(s, w);
}

CUresult stream_wait(stream *s) {
  device *d = s->device;
  const uint64_t target = s->queued;
  s->references++;
  stream_allow(s, target);
  while (s->finished < target) pthread_cond_wait(&progress, &state);
  stream_release(s);
  pools_after_wait(d);
  return d->lost;
}

// ---- the API

CUresult cuStreamCreateWithPriority(CUstream *made, unsigned int flags, int priority) {
  ENTER(cuStreamCreateWithPriority, NEEDS_CONTEXT);
  if (made == NULL || (flags & ~(unsigned int)CU_STREAM_NON_BLOCKING) != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  // There are none that wait for the default stream.
  if (flags != CU_STREAM_NON_BLOCKING) return CUDA_ERROR_NOT_SUPPORTED;
  if (priority > LEAST_PRIORITY) priority = LEAST_PRIORITY;
  if (priority < GREATEST_PRIORITY) priority = GREATEST_PRIORITY;
  stream *s = stream_new(here, priority);
  if (s == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  *made = s->o.handle;
  return CUDA_SUCCESS;
}

CUresult cuStreamDestroy_v2(CUstream handle) {
  ENTER_RELEASE(cuStreamDestroy_v2, NEEDS_CONTEXT);
  stream *s = object_find(handle, KIND_STREAM);
  if (s == NULL || s == s->o.context->default_stream) return CUDA_ERROR_INVALID_HANDLE;
  capture_leave(s);
  stream_close(s);
  return failure;
}

CUresult cuStreamSynchronize(CUstream handle) {
  ENTER(cuStreamSynchronize, NEEDS_CONTEXT);
  stream *s;
  CUresult bad = stream_find(handle, here, &s);
  if (bad == CUDA_SUCCESS) bad = capture_forbid(s);
  return bad != CUDA_SUCCESS ? bad : stream_wait(s);
}

CUresult cuStreamQuery(CUstream handle) {
  ENTER(cuStreamQuery, NEEDS_CONTEXT);
  stream *s;
  CUresult bad = stream_find(handle, here, &s);
  if (bad == CUDA_SUCCESS) bad = capture_forbid(s);
  if (bad != CUDA_SUCCESS) return bad;
  stream_allow(s, s->queued);
  return s->finished < s->queued ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}

CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void *value) {
  ENTER(cuLaunchHostFunc, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_find(handle, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  if (function == NULL) return CUDA_ERROR_INVALID_VALUE;
  work *w = work_new(WORK_HOST, 0);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  w->host.function = function;
  w->host.value = value;
  return stream_submit(s, w);
}
