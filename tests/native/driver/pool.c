// Memory pools. What a pool holds is counted when a call is made, as a real pool does for the stream that
// frees and allocates again; the memory itself becomes usable and is taken away when its stream gets there.
#include <string.h>

#include "state.h"

#define GRANULE 512

enum { // CUmemPool_attribute
  REUSE_FIRST = 1,
  REUSE_LAST = 3,
  RESERVED_HIGH = 6,
  USED_NOW = 7,
  USED_HIGH = 8,
};

static size_t reserved(const pool *p) { return p->used + p->leaving + p->idle; }

static size_t rounded(size_t bytes) { return (bytes + GRANULE - 1) & ~(size_t)(GRANULE - 1); }

static void shrink(pool *p, size_t keep) {
  const size_t now = reserved(p);
  const size_t beyond = now > keep ? now - keep : 0;
  const size_t given = beyond < p->idle ? beyond : p->idle;
  p->idle -= given;
  p->device->reserved -= given;
}

void pool_freed(pool *p, size_t bytes) {
  const size_t left = rounded(bytes);
  const size_t idle = left < p->leaving ? left : p->leaving;
  p->leaving -= idle;
  p->idle += idle;
}

void pool_close(pool *p) { p->device->reserved -= reserved(p); }

void pools_after_wait(device *d) {
  pool *p;
  for (uint32_t at = 0; (p = object_next(KIND_POOL, &at)) != NULL;) {
    if (p->device == d) shrink(p, p->threshold);
  }
}

CUresult cuMemPoolCreate(CUmemoryPool *made, const CUmemPoolProps *wanted) {
  ENTER(cuMemPoolCreate, NEEDS_INIT);
  if (made == NULL || wanted == NULL || wanted->allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
      wanted->location.type != CU_MEM_LOCATION_TYPE_DEVICE || wanted->handleTypes != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  // Fields to come must be 0, so that they mean today's behaviour.
  for (size_t i = 0; i < sizeof wanted->reserved; i++) {
    if (wanted->reserved[i] != 0) return CUDA_ERROR_INVALID_VALUE;
  }
  const int ordinal = wanted->location.id;
  if (ordinal < 0 || ordinal >= driver_settings()->devices) return CUDA_ERROR_INVALID_DEVICE;
  device *d = &driver_devices[ordinal];
  if (d->lost != CUDA_SUCCESS) return d->lost;
  pool *p = object_new(KIND_POOL, sizeof *p, d->context);
  if (p == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  p->device = d;
  p->access = 1u << ordinal;
  p->max_bytes = wanted->maxSize;
  *made = p->o.handle;
  return CUDA_SUCCESS;
}

static CUresult pool_find(CUmemoryPool handle, pool **found) {
  *found = object_find(handle, KIND_POOL);
  return *found == NULL ? CUDA_ERROR_INVALID_VALUE : (*found)->device->lost;
}

CUresult cuMemPoolSetAttribute(CUmemoryPool handle, int attribute, void *value) {
  ENTER(cuMemPoolSetAttribute, NEEDS_INIT);
  pool *p;
  const CUresult bad = pool_find(handle, &p);
  if (bad != CUDA_SUCCESS) return bad;
  if (value == NULL) return CUDA_ERROR_INVALID_VALUE;
  // How a pool reuses memory is a hint here.
  if (attribute >= REUSE_FIRST && attribute <= REUSE_LAST) return CUDA_SUCCESS;
  uint64_t number;
  memcpy(&number, value, sizeof number);
  if (attribute == CU_MEMPOOL_ATTR_RELEASE_THRESHOLD) {
    p->threshold = number;
    return CUDA_SUCCESS;
  }
  size_t *high = attribute == RESERVED_HIGH ? &p->reserved_high : &p->used_high;
  if ((attribute != RESERVED_HIGH && attribute != USED_HIGH) || number != 0) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  *high = 0;
  return CUDA_SUCCESS;
}

CUresult cuMemPoolGetAttribute(CUmemoryPool handle, int attribute, void *value) {
  ENTER(cuMemPoolGetAttribute, NEEDS_INIT);
  pool *p;
  const CUresult bad = pool_find(handle, &p);
  if (bad != CUDA_SUCCESS) return bad;
  const struct {
    int attribute;
    uint64_t value;
  } numbers[] = {
      {CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, p->threshold},
      {CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, reserved(p)},
      {RESERVED_HIGH, p->reserved_high},
      {USED_NOW, p->used},
      {USED_HIGH, p->used_high},
  };
  for (size_t i = 0; value != NULL && i < sizeof numbers / sizeof *numbers; i++) {
    if (numbers[i].attribute != attribute) continue;
    memcpy(value, &numbers[i].value, sizeof numbers[i].value);
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemPoolTrimTo(CUmemoryPool handle, size_t keep) {
  ENTER(cuMemPoolTrimTo, NEEDS_INIT);
  pool *p;
  const CUresult bad = pool_find(handle, &p);
  if (bad != CUDA_SUCCESS) return bad;
  shrink(p, keep);
  return CUDA_SUCCESS;
}

enum { ACCESS_NONE = CU_MEM_ACCESS_FLAGS_PROT_NONE, ACCESS_READ = 1 };

CUresult cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc *wanted, size_t count) {
  ENTER(cuMemPoolSetAccess, NEEDS_INIT);
  pool *p;
  const CUresult bad = pool_find(handle, &p);
  if (bad != CUDA_SUCCESS) return bad;
  if (wanted == NULL || count == 0) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; i++) {
    const int ordinal = wanted[i].location.id, flags = wanted[i].flags;
    if (wanted[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE ||
        (flags != ACCESS_NONE && flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)) {
      return flags == ACCESS_READ ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
    }
    if (ordinal < 0 || ordinal >= driver_settings()->devices) return CUDA_ERROR_INVALID_DEVICE;
    const bool own = ordinal == p->device->ordinal;
    if (own && flags == ACCESS_NONE) return CUDA_ERROR_INVALID_VALUE;
    if (!own && flags != ACCESS_NONE &&
        (driver_devices[ordinal].peers >> p->device->ordinal & 1) == 0) {
      return CUDA_ERROR_INVALID_DEVICE;
    }
  }
  for (size_t i = 0; i < count; i++) {
    const uint32_t one = 1u << wanted[i].location.id;
    p->access = wanted[i].flags == ACCESS_NONE ? p->access & ~one : p->access | one;
  }
  return CUDA_SUCCESS;
}

// Takes bytes from what is free, then from the device. Whether that is in one piece is not looked at.
static bool take(pool *p, size_t bytes) {
  const size_t from_idle = bytes < p->idle ? bytes : p->idle;
  const size_t rest = bytes - from_idle;
  const size_t from_leaving = rest < p->leaving ? rest : p->leaving;
  const size_t more = rest - from_leaving;
  const size_t limit = p->max_bytes == 0 ? SIZE_MAX : p->max_bytes;
  if (more > p->device->memory - p->device->reserved) return false;
  if (more > 0 && (reserved(p) > limit || more > limit - reserved(p))) return false;
  p->idle -= from_idle;
  p->leaving -= from_leaving;
  p->used += bytes;
  p->device->reserved += more;
  if (p->used > p->used_high) p->used_high = p->used;
  if (reserved(p) > p->reserved_high) p->reserved_high = reserved(p);
  return true;
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *address, size_t bytes, CUmemoryPool handle,
                                 CUstream queue) {
  ENTER(cuMemAllocFromPoolAsync, NEEDS_CONTEXT);
  pool *p;
  stream *s;
  CUresult bad = pool_find(handle, &p);
  if (bad == CUDA_SUCCESS) bad = stream_here(queue, here, &s);
  if (bad == CUDA_SUCCESS) bad = capture_forbid(s);
  if (bad != CUDA_SUCCESS) return bad;
  if (address == NULL || bytes == 0 || s->o.context->device != p->device) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (rounded(bytes) < bytes || !take(p, rounded(bytes))) return CUDA_ERROR_OUT_OF_MEMORY;
  memory *m = memory_new(MEMORY_DEVICE, bytes, p->device->context);
  work *w = m == NULL ? NULL : work_new(WORK_ALLOCATE, 0);
  if (w == NULL) {
    if (m != NULL) memory_close(m);
    p->used -= rounded(bytes);
    p->idle += rounded(bytes);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  m->pool = p;
  w->memory = m;
  *address = m->address;
  return stream_enqueue(s, w);
}

CUresult cuMemFreeAsync(CUdeviceptr address, CUstream queue) {
  ENTER_RELEASE(cuMemFreeAsync, NEEDS_CONTEXT);
  stream *s;
  // Of a lost device the memory is given back all the same.
  CUresult bad = stream_find(queue, here, &s);
  if (s == NULL) return bad;
  if (failure == CUDA_SUCCESS) failure = bad;
  bad = capture_forbid(s);
  if (bad != CUDA_SUCCESS) return bad;
  memory *m = memory_holding((uintptr_t)address, 1);
  if (m == NULL || m->kind != MEMORY_DEVICE || m->address != address ||
      m->phase == MEMORY_LEAVING || m->context->device != s->o.context->device) {
    return failure != CUDA_SUCCESS ? failure : CUDA_ERROR_INVALID_VALUE;
  }
  work *w = work_new(WORK_FREE, 0);
  if (w == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
  w->memory = m;
  m->phase = MEMORY_LEAVING;
  m->pool->used -= rounded(m->bytes);
  m->pool->leaving += rounded(m->bytes);
  stream_enqueue(s, w);
  return failure;
}
