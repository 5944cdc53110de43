// Several devices: which reaches whose memory, and copies between them. Memory here is of pools alone, whose
// access is a matter of the pool: what a context may reach is only written down.
#include "state.h"

uint64_t peer_copies[2];
__thread const device *device_at_work;

static bool is_device(CUdevice d) { return d >= 0 && d < driver_settings()->devices; }

CUresult cuDeviceCanAccessPeer(int *can, CUdevice d, CUdevice peer) {
  ENTER(cuDeviceCanAccessPeer, NEEDS_INIT);
  if (can == NULL) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(d) || !is_device(peer)) return CUDA_ERROR_INVALID_DEVICE;
  *can = (int)(driver_devices[d].peers >> peer & 1);
  return CUDA_SUCCESS;
}

CUresult cuCtxEnablePeerAccess(CUcontext handle, unsigned int flags) {
  ENTER(cuCtxEnablePeerAccess, NEEDS_CONTEXT);
  const context *peer = object_find(handle, KIND_CONTEXT);
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (peer == NULL || peer == here) return CUDA_ERROR_INVALID_CONTEXT;
  const uint32_t one = 1u << peer->device->ordinal;
  if ((here->device->peers & one) == 0) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
  if ((here->enabled & one) != 0) return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
  here->enabled |= one;
  return CUDA_SUCCESS;
}

CUresult cuCtxDisablePeerAccess(CUcontext handle) {
  ENTER(cuCtxDisablePeerAccess, NEEDS_CONTEXT);
  const context *peer = object_find(handle, KIND_CONTEXT);
  if (peer == NULL) return CUDA_ERROR_INVALID_CONTEXT;
  const uint32_t one = 1u << peer->device->ordinal;
  if ((here->enabled & one) == 0) return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  here->enabled &= ~one;
  return CUDA_SUCCESS;
}

// Memory of the device, all of it; NULL for what is anything else.
static const memory *memory_of(CUdeviceptr address, size_t bytes, const context *c) {
  const memory *m = memory_holding((uintptr_t)address, bytes);
  const bool fits = m != NULL && m->kind == MEMORY_DEVICE && m->phase != MEMORY_LEAVING;
  return fits && m->context == c ? m : NULL;
}

CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_handle, CUdeviceptr from,
                           CUcontext from_handle, size_t bytes, CUstream queue) {
  ENTER(cuMemcpyPeerAsync, NEEDS_CONTEXT);
  stream *s;
  const CUresult bad = stream_here(queue, here, &s);
  if (bad != CUDA_SUCCESS) return bad;
  const context *target = object_find(to_handle, KIND_CONTEXT);
  const context *source = object_find(from_handle, KIND_CONTEXT);
  if (target == NULL || source == NULL) return CUDA_ERROR_INVALID_CONTEXT;
  if (target->device->lost != CUDA_SUCCESS) return target->device->lost;
  if (source->device->lost != CUDA_SUCCESS) return source->device->lost;
  // A stream of a third device would do as well, and is more likely a mistake.
  if (here != target && here != source) return CUDA_ERROR_INVALID_HANDLE;
  if (bytes == 0) return CUDA_SUCCESS;
  const memory *written = memory_of(to, bytes, target), *read = memory_of(from, bytes, source);
  if (written == NULL || read == NULL) return CUDA_ERROR_INVALID_VALUE;
  work *w = work_new(WORK_COPY, 0);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  w->copy.to = (uintptr_t)to;
  w->copy.from = (uintptr_t)from;
  w->copy.bytes = bytes;
  w->copy.source = source->device;
  w->copy.direct = memory_reachable(written, s->device) && memory_reachable(read, s->device);
  return stream_submit(s, w);
}

// Pointers are looked for in every eight bytes of the parameters: numbers that look like one of a live piece
// are next to impossible, and with one device nobody looks. The checked build looks at each access besides.
bool launch_reaches(const standin_launch *l, const device *d) {
  if (driver_settings()->devices == 1) return true;
  for (uint32_t i = 0; i < l->kernel->parameters; i++) {
    const uintptr_t *words = l->parameters[i];
    for (size_t n = 0; n < l->kernel->sizes[i] / sizeof *words; n++) {
      if (!memory_is_ours(words[n])) continue;
      const memory *m = memory_holding(words[n], 1);
      if (m == NULL || memory_reachable(m, d)) continue;
      standin_report_set("kernel %s was given %#zx, in memory of device %d that device %d does not "
                         "reach",
                         l->kernel->name, (size_t)words[n], m->context->device->ordinal,
                         d->ordinal);
      return false;
    }
  }
  return true;
}

STANDIN_API uint64_t standin_peer_copies(int direct) {
  pthread_mutex_lock(&state);
  const uint64_t count = peer_copies[direct != 0];
  pthread_mutex_unlock(&state);
  return count;
}
