// Several devices of the stand-in driver: memory is its device's until the pool lets another one in, copies
// go directly or by way of the host, events order them, and a device that is lost takes no other along.
#include "driver_test.h"

static CUresult let_in(const gpu *owner, int guest, int flags) {
  const CUmemAccessDesc access = {{CU_MEM_LOCATION_TYPE_DEVICE, guest}, flags};
  return cuMemPoolSetAccess(owner->pool, &access, 1);
}

static CUresult copy(const gpu *to, CUdeviceptr there, const gpu *from, CUdeviceptr here,
                     size_t bytes, const gpu *by) {
  return cuMemcpyPeerAsync(there, to->context, here, from->context, bytes, by->stream);
}

enum { FULL = CU_MEM_ACCESS_FLAGS_PROT_READWRITE, BYTES = 4096 };

static void accesses(void) {
  gpu a = gpu_open(0, 0), b = gpu_open(1, 0), c = gpu_open(2, 0);
  int can = 7;
  CHECK(cuDeviceCanAccessPeer(&can, 0, 1) == 0 && can == 1);
  CHECK(cuDeviceCanAccessPeer(&can, 1, 0) == 0 && can == 1);
  CHECK(cuDeviceCanAccessPeer(&can, 0, 2) == 0 && can == 0);
  CHECK(cuDeviceCanAccessPeer(&can, 1, 1) == 0 && can == 0);
  CHECK(cuDeviceCanAccessPeer(&can, 0, 3) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  CHECK(cuCtxEnablePeerAccess(b.context, 1) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuCtxEnablePeerAccess(a.context, 0) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuCtxEnablePeerAccess(c.context, 0) == CUDA_ERROR_PEER_ACCESS_UNSUPPORTED);
  CHECK(cuCtxEnablePeerAccess(b.context, 0) == 0);
  CHECK(cuCtxEnablePeerAccess(b.context, 0) == CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED);
  CHECK(cuCtxDisablePeerAccess(b.context) == 0);
  CHECK(cuCtxDisablePeerAccess(b.context) == CUDA_ERROR_PEER_ACCESS_NOT_ENABLED);
  CHECK(cuCtxEnablePeerAccess(b.context, 0) == 0);
  CHECK(let_in(&a, 0, FULL) == 0 && let_in(&a, 0, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(let_in(&a, 2, FULL) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(let_in(&a, 9, FULL) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(let_in(&a, 1, 2) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemPoolSetAccess(a.pool, NULL, 1) == CUDA_ERROR_INVALID_VALUE);

  // The contexts' access is none to memory of pools.
  CUdeviceptr mine = gpu_allocate(&a, BYTES), theirs;
  CHECK(cuStreamSynchronize(a.stream) == 0); // for other streams it is there from here on
  CHECK(cuCtxSetCurrent(b.context) == 0);
  theirs = gpu_allocate(&b, BYTES);
  CHECK(cuMemcpyDtoDAsync_v2(theirs, mine, BYTES, b.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemsetD8Async(mine, 1, BYTES, b.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(let_in(&a, 1, FULL) == 0);
  CHECK(cuMemcpyDtoDAsync_v2(theirs, mine, BYTES, b.stream) == 0);
  CHECK(cuStreamSynchronize(b.stream) == 0); // a copy under way needs the access still
  CHECK(let_in(&a, 1, 0) == 0);
  CHECK(cuMemcpyDtoDAsync_v2(theirs, mine, BYTES, b.stream) == CUDA_ERROR_INVALID_VALUE);
  // A stream's work is given with its context.
  CHECK(cuMemsetD8Async(mine, 1, BYTES, a.stream) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuMemFreeAsync(theirs, b.stream) == 0 && cuStreamSynchronize(b.stream) == 0);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  CHECK(cuMemFreeAsync(mine, a.stream) == 0);
  gpu_close(&a), gpu_close(&b), gpu_close(&c);
  check_nothing_left();
}

// By whichever stream, and however they go: the bytes arrive behind what wrote them.
static void copies(void) {
  gpu a = gpu_open(0, 0), b = gpu_open(1, 0), c = gpu_open(2, 0);
  gpu *all[] = {&a, &b, &c};
  CUdeviceptr memory[3];
  CUevent written[3];
  unsigned char back[BYTES];
  for (int i = 0; i < 3; i++) {
    CHECK(cuCtxSetCurrent(all[i]->context) == 0);
    memory[i] = gpu_allocate(all[i], BYTES);
    CHECK(cuEventCreate(&written[i], CU_EVENT_DISABLE_TIMING) == 0);
    CHECK(cuStreamSynchronize(all[i]->stream) == 0);
  }
  CHECK(let_in(&a, 1, FULL) == 0 && let_in(&b, 0, FULL) == 0);
  for (int round = 1; round < 50; round++) {
    const int from = round % 3, to = (from + 1 + round / 3 % 2) % 3;
    CHECK(cuCtxSetCurrent(all[from]->context) == 0);
    CHECK(cuMemsetD8Async(memory[from], (unsigned char)round, BYTES, all[from]->stream) == 0);
    CHECK(cuEventRecord(written[from], all[from]->stream) == 0);
    CHECK(cuCtxSetCurrent(all[to]->context) == 0);
    CHECK(cuStreamWaitEvent(all[to]->stream, written[from], 0) == 0);
    CHECK(copy(all[to], memory[to] + 64, all[from], memory[from], 1000, all[to]) == 0);
    CHECK(cuMemcpyDtoHAsync_v2(back, memory[to], BYTES, all[to]->stream) == 0);
    CHECK(back[64] == round && back[1063] == round);
    CHECK(back[63] != round && back[1064] != round);
  }
  const uint64_t direct = standin_peer_copies(1), staged = standin_peer_copies(0);
  CHECKF(direct == 16 && staged == 33, "%d directly, %d by the host", (int)direct, (int)staged);

  CHECK(cuCtxSetCurrent(c.context) == 0);
  CHECK(copy(&b, memory[1], &a, memory[0], 8, &c) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(copy(&c, memory[1], &a, memory[0], 8, &c) == CUDA_ERROR_INVALID_VALUE);
  CHECK(copy(&c, memory[2], &a, memory[0] + 1, BYTES, &c) == CUDA_ERROR_INVALID_VALUE);
  CHECK(copy(&c, memory[2], &a, memory[0], 8, &a) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(copy(&c, memory[2], &a, memory[0], 0, &c) == 0);
  CHECK(copy(&c, memory[2], &(gpu){.context = (CUcontext)a.stream}, memory[0], 8, &c) ==
        CUDA_ERROR_INVALID_CONTEXT);
  for (int i = 0; i < 3; i++) {
    CHECK(cuCtxSetCurrent(all[i]->context) == 0);
    CHECK(cuEventDestroy_v2(written[i]) == 0);
    CHECK(cuMemFreeAsync(memory[i], all[i]->stream) == 0);
  }
  for (int i = 0; i < 3; i++) gpu_close(all[i]);
  check_nothing_left();
}

// A kernel that is given another device's memory.
static void kernels(void) {
  gpu a = gpu_open(0, 0), b = gpu_open(1, 0);
  CUfunction f;
  CHECK(cuModuleGetFunction(&f, b.module, "test_saxpy") == 0);
  CUdeviceptr out = gpu_allocate(&b, BYTES);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  const CUdeviceptr in = gpu_allocate(&a, BYTES);
  CHECK(cuMemsetD8Async(in, 0, BYTES, a.stream) == 0 && cuStreamSynchronize(a.stream) == 0);
  kernel_arguments argument = {(float *)(uintptr_t)in, (float *)(uintptr_t)out, NULL, 100, 2};
  void *parameters[] = {&argument};
#define LAUNCH() cuLaunchKernel(f, 1, 1, 1, 128, 1, 1, 0, b.stream, parameters, NULL)
  CHECK(LAUNCH() == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuCtxSetCurrent(b.context) == 0);
  CHECK(let_in(&a, 1, FULL) == 0);
  CHECK(LAUNCH() == 0 && cuStreamSynchronize(b.stream) == 0);
  CHECK(let_in(&a, 1, 0) == 0);
  CHECK(LAUNCH() == 0);
  CHECK(cuStreamSynchronize(b.stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECKF(strstr(standin_report(), "test_saxpy was given") != NULL, "%s", standin_report());
  CHECKF(strstr(standin_report(), "of device 0 that device 1") != NULL, "%s", standin_report());
  CHECK(cuMemFreeAsync(out, b.stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  CHECK(cuMemFreeAsync(in, a.stream) == 0 && cuStreamSynchronize(a.stream) == 0);
  gpu_close(&b), gpu_close(&a);
}

// A copy waits for a device that is lost meanwhile: it is not made, and the one that waited goes on.
static void lost(void) {
  gpu a = gpu_open(0, 0), b = gpu_open(1, 0);
  CUfunction f;
  CUevent e;
  unsigned char back[BYTES];
  CUdeviceptr there = gpu_allocate(&b, BYTES);
  CHECK(cuMemsetD8Async(there, 5, BYTES, b.stream) == 0);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  CHECK(cuModuleGetFunction(&f, a.module, "test_far") == 0);
  CHECK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING) == 0);
  CUdeviceptr here = gpu_allocate(&a, BYTES);
  kernel_arguments argument = {.counts = (int *)(uintptr_t)here};
  void *parameters[] = {&argument};
  CHECK(cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, a.stream, parameters, NULL) == 0);
  CHECK(cuEventRecord(e, a.stream) == 0);
  CHECK(cuCtxSetCurrent(b.context) == 0);
  CHECK(cuStreamWaitEvent(b.stream, e, 0) == 0);
  CHECK(copy(&b, there, &a, here, BYTES, &b) == 0);
  CHECK(cuMemcpyDtoHAsync_v2(back, there, BYTES, b.stream) == 0);
  CHECK(back[0] == 5 && back[BYTES - 1] == 5);
  CHECK(copy(&b, there, &a, here, BYTES, &b) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuStreamWaitEvent(b.stream, e, 0) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuStreamSynchronize(b.stream) == 0);
  CHECK(standin_peer_copies(0) + standin_peer_copies(1) == 0);
  CHECK(cuMemFreeAsync(there, b.stream) == 0 && cuStreamSynchronize(b.stream) == 0);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  CHECK(cuMemFreeAsync(here, a.stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuEventDestroy_v2(e) == CUDA_ERROR_ILLEGAL_ADDRESS);
  gpu_close(&a), gpu_close(&b);
}

static const part parts[] = {
    {"accesses", accesses, "STANDIN_DEVICES=3 STANDIN_PEERS=0-1,1-2"},
    {"copies", copies, "STANDIN_DEVICES=3"},
    {"lazy_copies", copies, "STANDIN_DEVICES=3 STANDIN_LAZY=1"},
    {"kernels", kernels, "STANDIN_DEVICES=2"},
    {"lost", lost, "STANDIN_DEVICES=2 STANDIN_LAZY=1"},
    {0},
};

int main(int argc, char **argv) { return run_parts(parts, argc, argv); }
