// Events: each names a moment of a stream, that of its last record. Who waits for an event waits for the
// moment that it names when the wait is asked for.
#include <stdlib.h>

#include "state.h"

enum { EVENT_BLOCKING_SYNC = 1, EVENT_FLAGS = EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING };

void event_close(event *e) {
  event_leave_capture(e);
  moment_release(e->moment);
  object_forget(&e->o);
  free(e);
}

static CUresult event_find(CUevent handle, event **found) {
  *found = object_find(handle, KIND_EVENT);
  return *found == NULL ? CUDA_ERROR_INVALID_HANDLE : (*found)->o.context->device->lost;
}

CUresult cuEventCreate(CUevent *made, unsigned int flags) {
  ENTER(cuEventCreate, NEEDS_CONTEXT);
  if (made == NULL || (flags & ~(unsigned int)EVENT_FLAGS) != 0) return CUDA_ERROR_INVALID_VALUE;
  event *e = object_new(KIND_EVENT, sizeof *e, here);
  if (e == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  e->timed = (flags & CU_EVENT_DISABLE_TIMING) == 0;
  *made = e->o.handle;
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy_v2(CUevent handle) {
  ENTER_RELEASE(cuEventDestroy_v2, NEEDS_CONTEXT);
  event *e = object_find(handle, KIND_EVENT);
  if (e == NULL) return CUDA_ERROR_INVALID_HANDLE;
  event_close(e);
  return failure;
}

CUresult cuEventRecord(CUevent handle, CUstream queue) {
  ENTER(cuEventRecord, NEEDS_CONTEXT);
  event *e;
  stream *s;
  CUresult bad = event_find(handle, &e);
  if (bad == CUDA_SUCCESS) bad = stream_find(queue, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  if (e->o.context != s->o.context) return CUDA_ERROR_INVALID_HANDLE;
  if (s->capture != NULL) return capture_record(e, s);
  moment *m = moment_new();
  if (m == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  const CUresult result = stream_mark(s, m);
  if (result != CUDA_SUCCESS) {
    moment_release(m);
    return result;
  }
  event_leave_capture(e);
  moment_release(e->moment);
  e->moment = m;
  return CUDA_SUCCESS;
}

CUresult cuStreamWaitEvent(CUstream queue, CUevent handle, unsigned int flags) {
  ENTER(cuStreamWaitEvent, NEEDS_CONTEXT);
  event *e;
  stream *s;
  CUresult bad = event_find(handle, &e);
  if (bad == CUDA_SUCCESS) bad = stream_find(queue, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (s->capture != NULL || e->captured != NULL) return capture_wait(s, e);
  return e->moment == NULL ? CUDA_SUCCESS : stream_await(s, e->moment);
}

// An event that was never recorded has nothing to wait for.
CUresult cuEventQuery(CUevent handle) {
  ENTER(cuEventQuery, NEEDS_CONTEXT);
  event *e;
  const CUresult bad = event_find(handle, &e);
  if (bad != CUDA_SUCCESS) return bad;
  if (e->captured != NULL) return ERROR_CAPTURED_EVENT;
  if (e->moment == NULL || e->moment->done) return CUDA_SUCCESS;
  stream_allow(e->moment->stream, e->moment->number);
  return CUDA_ERROR_NOT_READY;
}

CUresult cuEventSynchronize(CUevent handle) {
  ENTER(cuEventSynchronize, NEEDS_CONTEXT);
  event *e;
  const CUresult bad = event_find(handle, &e);
  if (bad != CUDA_SUCCESS) return bad;
  if (e->captured != NULL) return ERROR_CAPTURED_EVENT;
  device *d = e->o.context->device;
  moment *m = e->moment;
  if (m == NULL) return CUDA_SUCCESS;
  m->references++;
  if (!m->done) stream_allow(m->stream, m->number);
  while (!m->done) pthread_cond_wait(&progress, &state);
  moment_release(m);
  pools_after_wait(d);
  return d->lost;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  ENTER(cuEventElapsedTime, NEEDS_CONTEXT);
  event *from, *to;
  CUresult bad = event_find(start, &from);
  if (bad == CUDA_SUCCESS) bad = event_find(end, &to);
  if (bad != CUDA_SUCCESS) return bad;
  if (milliseconds == NULL) return CUDA_ERROR_INVALID_VALUE;
  if (from->captured != NULL || to->captured != NULL) return ERROR_CAPTURED_EVENT;
  if (!from->timed || !to->timed || from->o.context != to->o.context || from->moment == NULL ||
      to->moment == NULL) {
    return CUDA_ERROR_INVALID_HANDLE;
  }
  if (!from->moment->done || !to->moment->done) return CUDA_ERROR_NOT_READY;
  const int64_t elapsed = (int64_t)(to->moment->nanoseconds - from->moment->nanoseconds);
  *milliseconds = (float)((double)elapsed * 1e-6);
  return CUDA_SUCCESS;
}
