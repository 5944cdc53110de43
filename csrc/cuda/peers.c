// Several GPUs: who reaches whose memory, copies from one to another, and which of two devices an error is
// of. A copy is the driver's in any case: directly where the two reach each other, else by way of the host.
#include <stdio.h>

#include "runtime.h"

static uint32_t bit(const gk_cuda_device *d) { return (uint32_t)1 << d->base->index; }

static bool can_reach(const gk_cuda_device *from, const gk_cuda_device *to) {
  int can = 0;
  return gk_cu.cuDeviceCanAccessPeer(&can, from->handle, to->handle) == CUDA_SUCCESS && can;
}

void gk_cuda_peer_names(const gk_cuda_device *d, char *text, size_t bytes) {
  size_t n = 0;
  text[0] = 0;
  for (uint32_t i = 0; i < gk_device_count && n < bytes; i++)
    if (gk_devices[i].api == d->base->api && &gk_devices[i] != d->base &&
        can_reach(d, gk_cuda_of(&gk_devices[i])))
      n += (size_t)snprintf(text + n, bytes - n, "%s%s", n ? " " : "", gk_devices[i].name);
}

// ---- access

static gk_mutex link_lock = GK_MUTEX_INIT;

static void set_access(const gk_cuda_device *from, const gk_cuda_device *to, int flags) {
  const CUmemAccessDesc access = {{CU_MEM_LOCATION_TYPE_DEVICE, from->handle}, flags};
  gk_cu.cuMemPoolSetAccess(to->pool, &access, 1);
}

// `from` reaches what is in the memory of `to`. Memory of a pool is not covered by access to the context. What
// fails here leaves the way by the host; a device that is lost says so at its next call.
static bool give_access(const gk_cuda_device *from, const gk_cuda_device *to) {
  if (!can_reach(from, to) || gk_cu.cuCtxSetCurrent(from->context) != CUDA_SUCCESS) return false;
  CUresult result = gk_cu.cuCtxEnablePeerAccess(to->context, 0);
  // Other code of the process may have been first.
  if (result != CUDA_SUCCESS && result != CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED) return false;
  set_access(from, to, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  return true;
}

static void take_access(const gk_cuda_device *from, const gk_cuda_device *to) {
  if (gk_cu.cuCtxSetCurrent(from->context) != CUDA_SUCCESS) return;
  set_access(from, to, CU_MEM_ACCESS_FLAGS_PROT_NONE);
  gk_cu.cuCtxDisablePeerAccess(to->context);
}

// Memory of one value, and the device's context; 0: none to be had. Only frees are on the service queue,
// so that no work of the user is waited for.
#define TRIED_BYTES 4096
static CUdeviceptr make_trial(const gk_cuda_device *d, unsigned char value) {
  CUdeviceptr memory = 0;
  if (gk_cu.cuCtxSetCurrent(d->context) != CUDA_SUCCESS ||
      gk_cu.cuMemAllocFromPoolAsync(&memory, TRIED_BYTES, d->pool, d->service) != CUDA_SUCCESS)
    return 0;
  gk_cu.cuMemsetD8Async(memory, value, TRIED_BYTES, d->service);
  gk_cu.cuStreamSynchronize(d->service);
  return memory;
}

typedef enum trial { ARRIVED, UNKNOWN, DROPPED } trial; // the worse, the higher

// Some machines say that their GPUs reach each other, and drop what one sends to the other without a word
// (an IOMMU or a PCIe switch in between): no copy is trusted before one has been seen to arrive.
static trial try_copy(const gk_cuda_device *from, const gk_cuda_device *to) {
  enum { SENT = 0xa5, BEFORE = 0x5a };
  unsigned char back[TRIED_BYTES];
  CUdeviceptr source = make_trial(from, SENT), target = make_trial(to, BEFORE);
  trial result = UNKNOWN;
  if (source && target &&
      gk_cu.cuMemcpyPeerAsync(target, to->context, source, from->context, TRIED_BYTES,
                              to->service) == CUDA_SUCCESS &&
      gk_cu.cuMemcpyDtoHAsync_v2(back, target, TRIED_BYTES, to->service) == CUDA_SUCCESS &&
      gk_cu.cuStreamSynchronize(to->service) == CUDA_SUCCESS) {
    int i = 0;
    while (i < TRIED_BYTES && back[i] == SENT) i++;
    result = i == TRIED_BYTES ? ARRIVED : DROPPED;
  }
  if (target) gk_cu.cuMemFreeAsync(target, to->service);
  if (source && gk_cu.cuCtxSetCurrent(from->context) == CUDA_SUCCESS)
    gk_cu.cuMemFreeAsync(source, from->service);
  return result;
}

static trial try_both(const gk_cuda_device *a, const gk_cuda_device *b) {
  const trial there = try_copy(a, b), back = try_copy(b, a);
  return there > back ? there : back;
}

// Once for each two devices, with their first copy.
static void link_devices(gk_cuda_device *a, gk_cuda_device *b) {
  if (atomic_load_explicit(&a->linked, memory_order_acquire) & bit(b)) return;
  gk_mutex_lock(&link_lock);
  if (!(atomic_load(&a->linked) & bit(b))) {
    const bool there = give_access(a, b), back = give_access(b, a);
    const trial direct = there || back ? try_both(a, b) : ARRIVED;
    if (direct != ARRIVED) {
      if (there) take_access(a, b);
      if (back) take_access(b, a);
      if (direct == DROPPED && try_both(a, b) == DROPPED) {
        atomic_fetch_or(&a->unreachable, bit(b));
        atomic_fetch_or(&b->unreachable, bit(a));
      }
    }
    atomic_fetch_or(&a->linked, bit(b));
    atomic_fetch_or(&b->linked, bit(a));
  }
  gk_mutex_unlock(&link_lock);
}

// ---- errors

// Is the device lost, where it is asked now?
static bool is_lost(gk_cuda_device *d) {
  gk_error error;
  if (gk_cuda_enter(d, &error) == GK_OK) {
    CUresult result = gk_cu.cuStreamQuery(d->service);
    if (result != CUDA_SUCCESS && result != CUDA_ERROR_NOT_READY)
      gk_cuda_fail(d, NULL, result, "a copy between devices", &error);
  }
  return atomic_load(&d->lost);
}

gk_status gk_cuda_fail_pair(gk_cuda_device *d, gk_stream *stream, gk_cuda_device *other,
                            CUresult result, const char *doing, gk_error *error) {
  if (other == d || !is_lost(other)) return gk_cuda_fail(d, stream, result, doing, error);
  gk_error ignored;
  gk_cuda_enter(d, &ignored);
  *error = other->cause;
  return GK_DEVICE_LOST;
}

// All copies from these devices to the stream have run or never will: is one of them lost?
static void settle(gk_cuda_stream *q, uint32_t sources) {
  gk_error error;
  for (uint32_t i = 0; sources >> i; i++) {
    if (!(sources >> i & 1) || !is_lost(gk_cuda_of(&gk_devices[i]))) continue;
    const gk_error *cause = &gk_cuda_of(&gk_devices[i])->cause;
    gk_error_set(&error, GK_DEVICE_LOST, "%s; a copy from it to %s may not have been made",
                 cause->text, q->base->device->name);
    error.device = i;
    gk_stream_set_fault(q->base, GK_FAULT_INDEX, &error);
  }
}

void gk_cuda_sources_ran(gk_stream *stream) {
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  if (!atomic_load_explicit(&q->sources, memory_order_relaxed)) return;
  atomic_fetch_or(&q->unasked, atomic_exchange(&q->sources, 0));
  atomic_store(&gk_cuda_of(stream->device)->unasked, true);
}

void gk_cuda_settle_sources(gk_stream *stream) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_cuda_sources_ran(stream);
  if (!atomic_load_explicit(&d->unasked, memory_order_acquire) ||
      !atomic_exchange(&d->unasked, false))
    return;
  gk_mutex_lock(&d->lock);
  gk_cuda_stream *q = d->streams;
  gk_mutex_unlock(&d->lock);
  for (; q; q = q->next) settle(q, atomic_exchange(&q->unasked, 0));
  gk_error error;
  gk_cuda_enter(d, &error);
}

// ---- copies

gk_status gk_cuda_copy_peer(gk_stream *stream, const gk_view *to, const gk_view *from,
                            gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(stream->device), *source = gk_cuda_of(from->storage->device);
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  if (atomic_load_explicit(&source->lost, memory_order_acquire)) {
    *error = source->cause;
    return GK_DEVICE_LOST;
  }
  if (!atomic_load(&d->lost)) link_devices(d, source);
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  if (atomic_load(&d->unreachable) & bit(source))
    return gk_error_set(
        error, GK_DEVICE,
        "to: what %s sends to %s does not arrive, although the driver says so; copy "
        "with to(\"cpu\") in between, and see to the machine (its IOMMU, or the "
        "access control of PCIe)",
        source->base->name, d->base->name);
  atomic_fetch_or(&q->sources, bit(source));
  CUresult result = gk_cu.cuMemcpyPeerAsync((CUdeviceptr)(uintptr_t)gk_view_data(to), d->context,
                                            (CUdeviceptr)(uintptr_t)gk_view_data(from),
                                            source->context, (size_t)gk_view_bytes(from), q->queue);
  if (result == CUDA_SUCCESS) return GK_OK;
  return gk_cuda_fail_pair(d, stream, source, result, "to", error);
}
