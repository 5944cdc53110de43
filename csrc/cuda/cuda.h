// The CUDA device, as its own files see it. Each op family has a file here, beside its kernels in
// csrc/kernels/: it turns a checked call (core/call.h) into launches on the call's stream and returns at
// once; nothing here waits for the device but what says so.
#ifndef GK_CUDA_CUDA_H
#define GK_CUDA_CUDA_H

#include "../core/device.h"
#include "../kernels/fault.h"
#include "driver.h"

typedef struct gk_cuda_device gk_cuda_device;

// Workspaces of a call, given back behind it.
typedef struct gk_cuda_kept {
  int count;
  gk_block *blocks[8];
} gk_cuda_kept;

// One call under way.
typedef struct gk_cuda_run {
  gk_cuda_device *device;
  gk_stream *stream;
  CUstream queue;
  const gk_call *call;
  gk_fault_record *fault; // as the device sees it
  gk_cuda_kept *kept;
  struct gk_cuda_draw
      *draw; // where a captured launch that draws random numbers is noted, else NULL
  gk_error *error;
} gk_cuda_run;

// A kernel: `name` in csrc/kernels/<module>.cu. Looked up on first use, once a device.
typedef struct gk_kernel {
  const char *module, *name;
  _Atomic(CUfunction) function[GK_MAX_DEVICES];
} gk_kernel;

typedef struct gk_grid {
  uint32_t x, y, z; // blocks: x up to 2^31 - 1, y and z up to 65535
} gk_grid;

// Launches with one argument, the struct that the kernel declares. Fails with the error filled in.
gk_status gk_cuda_launch(const gk_cuda_run *run, gk_kernel *kernel, gk_grid grid, uint32_t threads,
                         uint32_t shared_bytes, const void *argument);

// The one launch of a call that draws random numbers. The argument begins with counter and key, as a gk_place
// does, which a graph sets anew before each replay.
gk_status gk_cuda_launch_drawing(const gk_cuda_run *run, gk_kernel *kernel, gk_grid grid,
                                 uint32_t threads, const void *argument, size_t argument_bytes);

// Memory that lasts until what this call launches has run, 256-byte aligned; NULL with the error filled
// in. Its bytes are whatever was there before.
void *gk_cuda_workspace(const gk_cuda_run *run, int64_t bytes);
// Sets bytes in the order of the call's stream.
gk_status gk_cuda_clear(const gk_cuda_run *run, void *memory, int64_t bytes);
// Copies device memory in the order of the call's stream.
gk_status gk_cuda_move(const gk_cuda_run *run, void *to, const void *from, int64_t bytes);

// Multiprocessors of the device: grids that loop are sized by it.
int gk_cuda_processors(const gk_cuda_run *run);

// The CUDA device's part in a failure: the status, with what was being done in the error's text. A sticky
// result loses the device.
gk_status gk_cuda_fail(gk_cuda_device *device, gk_stream *stream, CUresult result,
                       const char *doing, gk_error *error);

// ---- families

typedef gk_status (*gk_cuda_family)(const gk_cuda_run *run);
gk_status gk_cuda_elementwise(const gk_cuda_run *run);
gk_status gk_cuda_copy(const gk_cuda_run *run);
gk_status gk_cuda_create(const gk_cuda_run *run);
gk_status gk_cuda_reduce(const gk_cuda_run *run);
gk_status gk_cuda_matmul(const gk_cuda_run *run);
gk_status gk_cuda_index(const gk_cuda_run *run);
gk_status gk_cuda_random(const gk_cuda_run *run);
gk_status gk_cuda_sort(const gk_cuda_run *run);
gk_status gk_cuda_fft(const gk_cuda_run *run);
gk_status gk_cuda_scan(const gk_cuda_run *run);

#endif
