// Calls: a family's host file turns one into launches; kernels are looked up by name on first use.
#include <string.h>

#include "images.h"
#include "runtime.h"

static const gk_cuda_family families[GK_FAMILY_COUNT] = {
    [GK_FAMILY_ELEMENTWISE] = gk_cuda_elementwise,
    [GK_FAMILY_REDUCE] = gk_cuda_reduce,
    [GK_FAMILY_SCAN] = gk_cuda_scan,
    [GK_FAMILY_MATMUL] = gk_cuda_matmul,
    [GK_FAMILY_INDEX] = gk_cuda_index,
    [GK_FAMILY_COPY] = gk_cuda_copy,
    [GK_FAMILY_CREATE] = gk_cuda_create,
    [GK_FAMILY_RANDOM] = gk_cuda_random,
    [GK_FAMILY_SORT] = gk_cuda_sort,
    [GK_FAMILY_LAUNCH] = gk_cuda_launch_users,
    [GK_FAMILY_FFT] = gk_cuda_fft,
};

gk_status gk_cuda_call_family(const gk_cuda_run *run) { return families[run->call->family](run); }

gk_status gk_cuda_call(gk_stream *stream, const gk_call *call, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(stream->device);
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  if (gk_cuda_enter(d, error) != GK_OK) return error->status;
  gk_cuda_kept kept;
  kept.count = 0;
  gk_cuda_run run = {d, stream, q->queue, call, q->fault.device, &kept, NULL, error};
  gk_status status = gk_cuda_call_family(&run);
  gk_cuda_give_back(stream->device, &kept, gk_stream_next(stream));
  return status;
}

void gk_cuda_give_back(gk_device *device, gk_cuda_kept *kept, gk_mark mark) {
  for (int i = 0; i < kept->count; i++) {
    kept->blocks[i]->marks[0] = mark;
    kept->blocks[i]->mark_count = 1;
    gk_pool_give(device, kept->blocks[i]);
  }
  kept->count = 0;
}

gk_block *gk_cuda_take_block(gk_stream *stream, int64_t bytes, const char *op, gk_error *error) {
  gk_block *block = gk_pool_take(stream->device, bytes, stream);
  if (!block) {
    gk_error_memory(error, stream->device, op, bytes);
  } else if (gk_cuda_enter(gk_cuda_of(stream->device), error) != GK_OK) {
    gk_pool_give(stream->device, block);
    block = NULL;
  }
  return block;
}

void *gk_cuda_workspace(const gk_cuda_run *run, int64_t bytes) {
  gk_cuda_kept *kept = run->kept;
  gk_block *block = NULL;
  if (kept->count < (int)(sizeof kept->blocks / sizeof *kept->blocks))
    block = gk_cuda_take_block(run->stream, bytes > 0 ? bytes : 1, gk_op_name(run->call->op),
                               run->error);
  else
    gk_error_set(run->error, GK_UNSUPPORTED, "%s: too many workspaces", gk_op_name(run->call->op));
  if (!block) return NULL;
  kept->blocks[kept->count++] = block;
  return block->memory;
}

int gk_cuda_processors(const gk_cuda_run *run) { return run->device->processors; }

// ---- kernels

// Loaded by its first use; called with the device's lock held.
static CUresult find_module(gk_cuda_device *d, const char *name, CUmodule *module) {
  int i = 0;
  while (i < GK_CUDA_MODULES && d->modules[i].name && strcmp(d->modules[i].name, name) != 0) i++;
  if (i == GK_CUDA_MODULES) return CUDA_ERROR_NOT_FOUND;
  if (!d->modules[i].name) {
    const void *image = gk_image_find(name, NULL);
    if (!image) return CUDA_ERROR_NOT_FOUND;
    CUresult result = gk_cu.cuModuleLoadData(&d->modules[i].module, image);
    if (result != CUDA_SUCCESS) return result;
    d->modules[i].name = name;
  }
  *module = d->modules[i].module;
  return CUDA_SUCCESS;
}

static gk_status find_kernel(const gk_cuda_run *run, gk_kernel *kernel, CUfunction *function) {
  gk_cuda_device *d = run->device;
  CUmodule module;
  gk_mutex_lock(&d->lock);
  CUresult result = find_module(d, kernel->module, &module);
  if (result == CUDA_SUCCESS) result = gk_cu.cuModuleGetFunction(function, module, kernel->name);
  gk_mutex_unlock(&d->lock);
  switch (result) {
  case CUDA_SUCCESS:
    atomic_store_explicit(&kernel->function[d->base->index], *function, memory_order_release);
    return GK_OK;
  case CUDA_ERROR_NOT_FOUND:
    return gk_error_set(run->error, GK_UNSUPPORTED, "%s: the library has no kernel %s",
                        gk_op_name(run->call->op), kernel->name);
  case CUDA_ERROR_NO_BINARY_FOR_GPU:
  case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
  case CUDA_ERROR_INVALID_PTX:
  case CUDA_ERROR_INVALID_IMAGE:
    return gk_error_set(run->error, GK_UNSUPPORTED,
                        "%s: its kernels do not run on %s, of compute capability %d.%d: %s (%d)",
                        gk_op_name(run->call->op), d->base->name, d->major, d->minor,
                        gk_cuda_result_name(result), result);
  default:
    return gk_cuda_fail(d, run->stream, result, kernel->name, run->error);
  }
}

void gk_cuda_note_launch(const gk_cuda_run *run, const gk_kernel *kernel) {
  gk_cuda_stream *q = gk_cuda_stream_of(run->stream);
  uint64_t launched = atomic_load_explicit(&q->launched, memory_order_relaxed);
  atomic_store_explicit(&q->recent[launched % GK_RECENT].op, run->call->op, memory_order_relaxed);
  atomic_store_explicit(&q->recent[launched % GK_RECENT].kernel, kernel, memory_order_relaxed);
  atomic_store_explicit(&q->launched, launched + 1, memory_order_release);
  atomic_fetch_add_explicit(&run->device->base->launches, 1, memory_order_relaxed);
}

gk_status gk_cuda_launch(const gk_cuda_run *run, gk_kernel *kernel, gk_grid grid, uint32_t threads,
                         uint32_t shared_bytes, const void *argument) {
  gk_cuda_device *d = run->device;
  CUfunction function =
      atomic_load_explicit(&kernel->function[d->base->index], memory_order_acquire);
  if (!function) {
    gk_status status = find_kernel(run, kernel, &function);
    if (status != GK_OK) return status;
  }
  gk_cuda_note_launch(run, kernel);
  void *parameters[] = {(void *)(uintptr_t)argument};
  CUresult result = gk_cu.cuLaunchKernel(function, grid.x, grid.y, grid.z, threads, 1, 1,
                                         shared_bytes, run->queue, parameters, NULL);
  if (result == CUDA_SUCCESS) return GK_OK;
  return gk_cuda_fail(d, run->stream, result, kernel->name, run->error);
}

gk_status gk_cuda_launch_drawing(const gk_cuda_run *run, gk_kernel *kernel, gk_grid grid,
                                 uint32_t threads, const void *argument, size_t argument_bytes) {
  gk_status status = gk_cuda_launch(run, kernel, grid, threads, 0, argument);
  gk_cuda_draw *draw = run->draw;
  if (status != GK_OK || !draw) return status;
  if (argument_bytes > sizeof draw->argument)
    return gk_error_set(run->error, GK_UNSUPPORTED, "graph: the argument of %s is too large",
                        kernel->name);
  memcpy(draw->argument, argument, argument_bytes);
  draw->launch =
      (CUDA_KERNEL_NODE_PARAMS){.func = atomic_load(&kernel->function[run->device->base->index]),
                                .gridDimX = grid.x,
                                .gridDimY = grid.y,
                                .gridDimZ = grid.z,
                                .blockDimX = threads,
                                .blockDimY = 1,
                                .blockDimZ = 1};
  // The launch is what the capture has come to.
  int status_now = CU_STREAM_CAPTURE_STATUS_NONE;
  uint64_t id;
  CUgraph graph;
  const CUgraphNode *nodes = NULL;
  const void *edges = NULL;
  size_t count = 0;
  CUresult result =
      gk_cu.cuStreamGetCaptureInfo_v3(run->queue, &status_now, &id, &graph, &nodes, &edges, &count);
  if (result == CUDA_SUCCESS && count == 1) {
    draw->node = nodes[0];
    return GK_OK;
  }
  if (result == CUDA_SUCCESS) result = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  return gk_cuda_fail(run->device, run->stream, result, "graph", run->error);
}

gk_status gk_cuda_clear(const gk_cuda_run *run, void *memory, int64_t bytes) {
  CUresult result =
      gk_cu.cuMemsetD8Async((CUdeviceptr)(uintptr_t)memory, 0, (size_t)bytes, run->queue);
  if (result == CUDA_SUCCESS) return GK_OK;
  return gk_cuda_fail(run->device, run->stream, result, gk_op_name(run->call->op), run->error);
}

gk_status gk_cuda_move(const gk_cuda_run *run, void *to, const void *from, int64_t bytes) {
  CUresult result = gk_cu.cuMemcpyDtoDAsync_v2(
      (CUdeviceptr)(uintptr_t)to, (CUdeviceptr)(uintptr_t)from, (size_t)bytes, run->queue);
  if (result == CUDA_SUCCESS) return GK_OK;
  return gk_cuda_fail(run->device, run->stream, result, gk_op_name(run->call->op), run->error);
}
