// Copies and fills. Bytes that come from pageable host memory are taken at the call, and a copy to such
// memory is over when the call returns, as with a real driver; pinned memory is read and written when the
// stream gets there.
#include <string.h>

#include "state.h"

static bool is_pinned(const memory *m) {
  return m != NULL && (m->kind == MEMORY_PINNED || m->kind == MEMORY_REGISTERED) &&
         m->phase == MEMORY_LIVE;
}

// Memory that the stream's device sees, all of it.
static bool on_device(CUdeviceptr address, size_t bytes, const stream *s) {
  const memory *m = memory_holding((uintptr_t)address, bytes);
  return m != NULL && m->phase != MEMORY_LEAVING && memory_reachable(m, s->device);
}

// Host memory that is neither pinned nor the stand-in's, not even where it begins.
static bool is_pageable(const void *host) {
  return host != NULL && memory_holding((uintptr_t)host, 1) == NULL &&
         !memory_is_ours((uintptr_t)host);
}

static CUresult submit_copy(stream *s, uintptr_t to, uintptr_t from, size_t bytes) {
  work *w = work_new(WORK_COPY, 0);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  w->copy.to = to;
  w->copy.from = from;
  w->copy.bytes = bytes;
  return stream_submit(s, w);
}

CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes, CUstream queue) {
  ENTER(cuMemcpyHtoDAsync_v2, NEEDS_CONTEXT);
  stream *s;
  CUresult bad = stream_here(queue, here, &s);
  if (bad != CUDA_SUCCESS || bytes == 0) return bad;
  if (!on_device(to, bytes, s)) return CUDA_ERROR_INVALID_VALUE;
  if (is_pinned(memory_holding((uintptr_t)from, bytes))) {
    return submit_copy(s, (uintptr_t)to, (uintptr_t)from, bytes);
  }
  if (!is_pageable(from)) return CUDA_ERROR_INVALID_VALUE;
  bad = capture_forbid(s);
  if (bad != CUDA_SUCCESS) return bad;
  work *w = work_new(WORK_COPY, bytes);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  w->copy.to = (uintptr_t)to;
  w->copy.bytes = bytes;
  memcpy(w->bytes, from, bytes);
  return stream_enqueue(s, w);
}

CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream queue) {
  ENTER(cuMemcpyDtoHAsync_v2, NEEDS_CONTEXT);
  stream *s;
  CUresult bad = stream_here(queue, here, &s);
  if (bad != CUDA_SUCCESS || bytes == 0) return bad;
  if (!on_device(from, bytes, s)) return CUDA_ERROR_INVALID_VALUE;
  if (is_pinned(memory_holding((uintptr_t)to, bytes))) {
    return submit_copy(s, (uintptr_t)to, (uintptr_t)from, bytes);
  }
  if (!is_pageable(to)) return CUDA_ERROR_INVALID_VALUE;
  bad = capture_forbid(s);
  if (bad == CUDA_SUCCESS) bad = submit_copy(s, (uintptr_t)to, (uintptr_t)from, bytes);
  return bad != CUDA_SUCCESS ? bad : stream_wait(s);
}

CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream queue) {
  ENTER(cuMemcpyDtoDAsync_v2, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_here(queue, here, &s);
  if (bad != CUDA_SUCCESS || bytes == 0) return bad;
  if (!on_device(to, bytes, s) || !on_device(from, bytes, s)) return CUDA_ERROR_INVALID_VALUE;
  return submit_copy(s, (uintptr_t)to, (uintptr_t)from, bytes);
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes, CUstream queue) {
  ENTER(cuMemsetD8Async, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_here(queue, here, &s);
  if (bad != CUDA_SUCCESS || bytes == 0) return bad;
  if (!on_device(to, bytes, s)) return CUDA_ERROR_INVALID_VALUE;
  work *w = work_new(WORK_SET, 0);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  w->set.to = (uintptr_t)to;
  w->set.bytes = bytes;
  w->set.value = value;
  return stream_submit(s, w);
}
