// Copies between host and device in a stream's order. Bytes for the device travel through pinned memory of
// the stream, so that the caller's are free again at once and nothing waits while there is room; memory
// that was registered is read where it lies. Bytes for the host are waited for.
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

// ---- registered host memory: by one device, and then known to all

typedef struct registration {
  struct registration *next;
  char *memory;
  int64_t bytes;
} registration;

static gk_mutex registered_lock = GK_MUTEX_INIT;
static registration *registered;

bool gk_cuda_host_register(gk_device *device, void *memory, int64_t bytes) {
  gk_cuda_device *d = gk_cuda_of(device);
  gk_error error;
  registration *r = malloc(sizeof *r);
  if (!r || gk_cuda_enter(d, &error) != GK_OK ||
      gk_cu.cuMemHostRegister_v2(memory, (size_t)bytes, CU_MEMHOSTREGISTER_PORTABLE) !=
          CUDA_SUCCESS) {
    free(r);
    return false;
  }
  gk_mutex_lock(&registered_lock);
  *r = (registration){registered, memory, bytes};
  registered = r;
  gk_mutex_unlock(&registered_lock);
  return true;
}

void gk_cuda_host_forget(gk_device *device, void *memory) {
  gk_cuda_device *d = gk_cuda_of(device);
  gk_mutex_lock(&registered_lock);
  registration **link = &registered, *r;
  while ((r = *link) && r->memory != memory) link = &r->next;
  if (r) *link = r->next;
  gk_mutex_unlock(&registered_lock);
  gk_error error;
  if (!r) return;
  free(r);
  if (gk_cuda_enter(d, &error) != GK_OK) return;
  CUresult result = gk_cu.cuMemHostUnregister(memory);
  if (result != CUDA_SUCCESS) gk_cuda_fail(d, NULL, result, "pinned", &error);
}

static bool is_registered(const char *memory, int64_t bytes) {
  gk_mutex_lock(&registered_lock);
  registration *r = registered;
  while (r && !(memory >= r->memory && memory + bytes <= r->memory + r->bytes)) r = r->next;
  gk_mutex_unlock(&registered_lock);
  return r != NULL;
}

// ---- to the device

// The part of the staging memory that is used next, once the copies from it have been made.
static CUresult next_stage(gk_cuda_stream *q) {
  CUresult result = CUDA_SUCCESS;
  if (!q->staging) {
    void *memory = NULL;
    result = gk_cu.cuMemHostAlloc(&memory, GK_STAGES * GK_STAGE_BYTES, CU_MEMHOSTALLOC_PORTABLE);
    for (int i = 0; i < GK_STAGES && result == CUDA_SUCCESS; i++)
      if (!q->staged[i]) result = gk_cu.cuEventCreate(&q->staged[i], CU_EVENT_DISABLE_TIMING);
    if (result == CUDA_SUCCESS)
      q->staging = memory;
    else if (memory)
      gk_cu.cuMemFreeHost(memory);
    return result;
  }
  result = gk_cu.cuEventRecord(q->staged[q->stage], q->queue);
  if (result != CUDA_SUCCESS) return result;
  q->in_flight[q->stage] = true;
  q->stage = (q->stage + 1) % GK_STAGES;
  q->stage_used = 0;
  if (!q->in_flight[q->stage]) return CUDA_SUCCESS;
  q->in_flight[q->stage] = false;
  result = gk_cu.cuEventQuery(q->staged[q->stage]);
  if (result != CUDA_ERROR_NOT_READY) return result;
  atomic_fetch_add_explicit(&q->base->device->synchronisations, 1, memory_order_relaxed);
  return gk_cu.cuEventSynchronize(q->staged[q->stage]);
}

// Contiguous bytes into device memory.
static CUresult send(gk_cuda_stream *q, char *to, const char *from, int64_t bytes) {
  if (is_registered(from, bytes))
    return gk_cu.cuMemcpyHtoDAsync_v2((CUdeviceptr)(uintptr_t)to, from, (size_t)bytes, q->queue);
  for (int64_t done = 0, n; done < bytes; done += n) {
    n = bytes - done < GK_STAGE_BYTES ? bytes - done : GK_STAGE_BYTES;
    if (!q->staging || q->stage_used + n > GK_STAGE_BYTES) {
      CUresult result = next_stage(q);
      if (result != CUDA_SUCCESS) return result;
    }
    char *stage = q->staging + q->stage * GK_STAGE_BYTES + q->stage_used;
    q->stage_used += (n + 63) / 64 * 64;
    memcpy(stage, from + done, (size_t)n);
    CUresult result =
        gk_cu.cuMemcpyHtoDAsync_v2((CUdeviceptr)(uintptr_t)(to + done), stage, (size_t)n, q->queue);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

// A contiguous view of `like` in a block of its own, which is given back behind the stream's next mark.
static bool contiguous_twin(gk_stream *stream, const gk_view *like, gk_view *twin,
                            gk_storage *storage, gk_cuda_kept *kept, gk_error *error) {
  kept->count = 0;
  gk_block *block = gk_cuda_take_block(stream, gk_view_bytes(like), "copy", error);
  if (!block) return false;
  kept->blocks[kept->count++] = block;
  memset(storage, 0, sizeof *storage);
  storage->device = stream->device;
  storage->data = block->memory;
  storage->bytes = gk_view_bytes(like);
  *twin = *like;
  twin->storage = storage;
  twin->offset = 0;
  gk_view_make_contiguous(twin);
  return true;
}

gk_status gk_cuda_copy_in(gk_stream *stream, const gk_view *view, const void *host,
                          gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  int64_t bytes = gk_view_bytes(view);
  CUresult result;
  if (view->contiguous && view->dtype != GK_bool) {
    result = send(q, gk_view_data(view), host, bytes);
    return result == CUDA_SUCCESS ? GK_OK : gk_cuda_fail(d, stream, result, "copy", error);
  }
  gk_view twin;
  gk_storage storage;
  gk_cuda_kept kept;
  if (!contiguous_twin(stream, view, &twin, &storage, &kept, error)) return error->status;
  gk_status status = GK_OK;
  result = send(q, storage.data, host, bytes);
  if (result != CUDA_SUCCESS) {
    status = gk_cuda_fail(d, stream, result, "copy", error);
  } else {
    if (twin.dtype == GK_bool) twin.dtype = GK_uint8; // any byte but 0 becomes 1
    gk_call call = gk_copy_call(&twin, view);
    status = gk_cuda_call(stream, &call, error);
  }
  gk_cuda_give_back(stream->device, &kept, gk_stream_next(stream));
  return status;
}

// ---- to the host

gk_status gk_cuda_copy_out(gk_stream *stream, const gk_view *view, void *host, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  gk_view twin;
  gk_storage storage;
  gk_cuda_kept kept = {.count = 0};
  const gk_view *from = view;
  gk_status status = GK_OK;
  if (!view->contiguous) {
    if (!contiguous_twin(stream, view, &twin, &storage, &kept, error)) return error->status;
    gk_call call = gk_copy_call(view, &twin);
    status = gk_cuda_call(stream, &call, error);
    from = &twin;
  }
  if (status == GK_OK) {
    CUresult result = gk_cu.cuMemcpyDtoHAsync_v2(host, (CUdeviceptr)(uintptr_t)gk_view_data(from),
                                                 (size_t)gk_view_bytes(from), q->queue);
    status = result == CUDA_SUCCESS ? gk_cuda_synchronise(stream, "data", error)
                                    : gk_cuda_fail(d, stream, result, "data", error);
  }
  gk_cuda_give_back(stream->device, &kept, gk_stream_next(stream));
  return status;
}
