// The stand-in driver by itself, called as the product calls it: devices, memory, streams, events,
// launches. Each part runs in a process of its own, since settings are read once and a lost device stays
// lost. Failures and graphs are in driver_fail_test.c and driver_graph_test.c.
#include <dlfcn.h>
#include <time.h>
#include <unistd.h>

#include "driver_test.h"

static void devices(void) {
  int version = 0, count = 0, value = 0;
  const char *name = NULL;
  CUdevice d;
  CUcontext c, again;
  CUstream s;
  CHECK(cuDriverGetVersion(&version) == 0 && version == 12040);
  CHECK(cuDeviceGetCount(&count) == CUDA_ERROR_NOT_INITIALIZED);
  CHECK(cuInit(1) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuInit(0) == 0);
  CHECK(cuDeviceGetCount(&count) == 0 && count == 2);
  CHECK(cuDeviceGet(&d, 2) == CUDA_ERROR_INVALID_DEVICE);
  CHECK(cuDeviceGet(&d, 1) == 0);
  CHECK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, d) == 0);
  CHECK(value == 8);
  CHECK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, d) == 0);
  CHECK(value == 6);
  CHECK(cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, d) == 0 && value == 0);
  CHECK(cuDeviceGetAttribute(&value, 100000, d) == CUDA_ERROR_INVALID_VALUE);
  size_t bytes;
  CHECK(cuDeviceTotalMem_v2(&bytes, d) == 0 && bytes == 64 << 20);
  char text[8];
  CHECK(cuDeviceGetName(text, sizeof text, d) == 0 && strcmp(text, "Stand-i") == 0);
  CUuuid first, second;
  CHECK(cuDeviceGetUuid_v2(&first, 0) == 0 && cuDeviceGetUuid_v2(&second, 1) == 0);
  CHECK(memcmp(&first, &second, sizeof first) != 0);
  CHECK(cuGetErrorName(719, &name) == 0 && strcmp(name, "CUDA_ERROR_LAUNCH_FAILED") == 0);
  CHECK(cuGetErrorName(12345, &name) == CUDA_ERROR_INVALID_VALUE && name == NULL);

  CHECK(cuStreamCreateWithPriority(&s, 1, 0) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuDevicePrimaryCtxRelease_v2(d) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuDevicePrimaryCtxRetain(&c, d) == 0);
  CHECK(cuDevicePrimaryCtxRetain(&again, d) == 0 && again == c);
  CHECK(cuCtxSetCurrent((CUcontext)&c) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(cuCtxSetCurrent(c) == 0);
  CHECK(cuStreamCreateWithPriority(&s, 0, 0) == CUDA_ERROR_NOT_SUPPORTED);
  CHECK(cuStreamCreateWithPriority(&s, 1, 0) == 0);
  CHECK(cuDevicePrimaryCtxRelease_v2(d) == 0);
  CHECK(cuStreamSynchronize(s) == 0);
  // The last release takes everything along.
  CHECK(cuDevicePrimaryCtxRelease_v2(d) == 0);
  CHECK(cuStreamSynchronize(s) == CUDA_ERROR_CONTEXT_IS_DESTROYED);
  check_nothing_left();
  CHECK(cuDevicePrimaryCtxRetain(&c, d) == 0 && cuCtxSetCurrent(c) == 0);
  CHECK(cuStreamSynchronize(s) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuDevicePrimaryCtxRelease_v2(d) == 0);
  CHECK(standin_calls("cuInit") == 2 && standin_calls("cuNothing") == 0);
  standin_reset_counts();
  CHECK(standin_calls(NULL) == 0);
}

// dlsym is how the product finds its functions.
static void missing(void) {
  int version;
  CHECK(dlsym(RTLD_DEFAULT, "cuGreenCtxCreate") == NULL);
  CHECK(dlsym(RTLD_DEFAULT, "cuDeviceGetUuid_v2") == NULL);
  CHECK(dlsym(RTLD_DEFAULT, "cuDriverGetVersion") != NULL);
  CHECK(cuDriverGetVersion(&version) == 0);
}

static void no_device(void) {
  int count;
  CHECK(cuInit(0) == CUDA_ERROR_NO_DEVICE);
  CHECK(cuDeviceGetCount(&count) == CUDA_ERROR_NOT_INITIALIZED);
}

static void pools(void) {
  gpu g = gpu_open(0, 1 << 20);
  CUdeviceptr a, b, c;
  uint64_t reserved;
  size_t unused, total;
  CHECK(cuMemAllocFromPoolAsync(&a, 0, g.pool, g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocFromPoolAsync(&a, 100, (CUmemoryPool)g.stream, g.stream) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocFromPoolAsync(&a, 600 << 10, g.pool, g.stream) == 0);
  CHECK(a % 256 == 0);
  CHECK(cuMemAllocFromPoolAsync(&b, 600 << 10, g.pool, g.stream) == CUDA_ERROR_OUT_OF_MEMORY);
  CHECK(cuMemAllocFromPoolAsync(&b, 400 << 10, g.pool, g.stream) == 0);
  // In the order of the stream what was freed is there again at once.
  CHECK(cuMemFreeAsync(a + 1, g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeAsync(a, g.stream) == 0);
  CHECK(cuMemFreeAsync(a, g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemAllocFromPoolAsync(&c, 600 << 10, g.pool, g.stream) == 0);
  CHECK(cuMemPoolGetAttribute(g.pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved) == 0);
  CHECKF(reserved == 1000 << 10, "%llu reserved", (unsigned long long)reserved);
  // What is free stays with the pool up to its threshold.
  uint64_t threshold = 500 << 10;
  CHECK(cuMemPoolSetAttribute(g.pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold) == 0);
  CHECK(cuMemPoolSetAttribute(g.pool, 77, &threshold) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeAsync(c, g.stream) == 0);
  CHECK(cuStreamSynchronize(g.stream) == 0);
  CHECK(cuMemPoolGetAttribute(g.pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &reserved) == 0);
  CHECKF(reserved == threshold, "%llu reserved", (unsigned long long)reserved);
  CHECK(cuMemGetInfo_v2(&unused, &total) == 0);
  CHECK(total == (size_t)2 << 30 && total - unused == threshold);
  CHECK(cuMemPoolTrimTo(g.pool, 0) == 0);
  CHECK(cuMemGetInfo_v2(&unused, &total) == 0);
  CHECK(total - unused == 400 << 10);
  unsigned char byte;
  CHECK(cuMemcpyDtoHAsync_v2(&byte, b + (400 << 10) - 1, 1, g.stream) == 0 && byte == 0xFD);
  CHECK(cuMemcpyDtoHAsync_v2(&byte, b + (400 << 10), 1, g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyDtoHAsync_v2(&byte, c, 1, g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeAsync(b, g.stream) == 0);
  // More than the device has, whatever the pool would allow.
  CUmemPoolProps properties = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                               .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  CUmemoryPool wide;
  CHECK(cuMemPoolCreate(&wide, &properties) == 0);
  CHECK(cuMemAllocFromPoolAsync(&a, (size_t)3 << 30, wide, g.stream) == CUDA_ERROR_OUT_OF_MEMORY);
  CHECK(cuMemAllocFromPoolAsync(&a, SIZE_MAX - 5, wide, g.stream) == CUDA_ERROR_OUT_OF_MEMORY);
  gpu_close(&g);
}

static void host_memory(void) {
  gpu g = gpu_open(0, 0);
  void *pinned, *inner;
  CUdeviceptr seen, memory = gpu_allocate(&g, 4096);
  CHECK(cuMemHostAlloc(&pinned, 0, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostAlloc(&pinned, 4096, 99) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostAlloc(&pinned, 4096, CU_MEMHOSTALLOC_PORTABLE) == 0);
  CHECK(cuMemHostGetDevicePointer_v2(&seen, pinned, 0) == 0 && seen == (uintptr_t)pinned);
  CHECK(cuMemHostGetDevicePointer_v2(&seen, &g, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemHostGetDevicePointer_v2(&seen, (void *)(uintptr_t)memory, 0) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeHost((char *)pinned + 1) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeHost((void *)(uintptr_t)memory) == CUDA_ERROR_INVALID_VALUE);
  // A copy that runs out of the pinned piece, or takes device memory for the host's.
  CHECK(cuMemcpyHtoDAsync_v2(memory, (char *)pinned + 4000, 97, g.stream) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyHtoDAsync_v2(memory, (void *)(uintptr_t)memory, 8, g.stream) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyHtoDAsync_v2((CUdeviceptr)(uintptr_t)&g, pinned, 8, g.stream) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeHost(pinned) == 0);
  CHECK(cuMemFreeHost(pinned) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyHtoDAsync_v2(memory, pinned, 8, g.stream) == CUDA_ERROR_INVALID_VALUE);

  char *own = malloc(8192);
  CHECK(cuMemHostRegister_v2(own + 100, 1000, CU_MEMHOSTREGISTER_PORTABLE) == 0);
  CHECK(cuMemHostRegister_v2(own + 1099, 1000, 0) == 712);
  CHECK(cuMemHostRegister_v2(own, 101, 0) == 712);
  CHECK(cuMemHostRegister_v2(own + 1100, 1000, 0) == 0);
  inner = own + 500;
  CHECK(cuMemHostGetDevicePointer_v2(&seen, inner, 0) == 0 && seen == (uintptr_t)inner);
  CHECK(cuMemHostUnregister(inner) == 713);
  CHECK(cuMemHostUnregister(own + 1100) == 0);
  CHECK(cuMemHostUnregister(own + 100) == 0);
  CHECK(cuMemHostUnregister(own + 100) == 713);
  free(own);
  CHECK(cuMemFreeAsync(memory, g.stream) == 0);
  gpu_close(&g);
}

// A host function that holds its stream until it is let go.
typedef struct gate {
  _Atomic int open, reached;
} gate;

static void hold(void *value) {
  gate *g = value;
  g->reached = 1;
  while (!g->open) usleep(100);
}

static _Atomic int order;
static void take_place(void *value) { *(_Atomic int *)value = ++order; }

static CUresult inside;
static void call_inside(void *value) { inside = cuStreamQuery(value); }

static void streams(void) {
  gpu g = gpu_open(0, 0);
  CUstream other;
  CUevent e, late = NULL, untimed;
  int least = 5, greatest = 5;
  CHECK(cuCtxGetStreamPriorityRange(&least, &greatest) == 0 && greatest < least);
  CHECK(cuStreamCreateWithPriority(&other, CU_STREAM_NON_BLOCKING, greatest) == 0);
  CHECK(cuEventCreate(&e, 99) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuEventCreate(&e, CU_EVENT_DEFAULT) == 0 && cuEventCreate(&late, 0) == 0);
  CHECK(cuEventCreate(&untimed, CU_EVENT_DISABLE_TIMING) == 0);
  float ms = -1;
  CHECK(cuEventQuery(e) == 0 && cuEventSynchronize(e) == 0);
  CHECK(cuEventElapsedTime(&ms, e, late) == CUDA_ERROR_INVALID_HANDLE);

  // One stream is held; what waits for it waits, and nothing else does.
  gate held = {0};
  _Atomic int first = 0, second = 0, third = 0;
  CHECK(cuLaunchHostFunc(g.stream, hold, &held) == 0);
  CHECK(cuEventRecord(e, g.stream) == 0);
  CHECK(cuStreamWaitEvent(other, e, 0) == 0);
  CHECK(cuLaunchHostFunc(other, take_place, &second) == 0);
  while (!held.reached) usleep(100);
  CHECK(cuEventQuery(e) == CUDA_ERROR_NOT_READY);
  CHECK(cuStreamQuery(g.stream) == CUDA_ERROR_NOT_READY);
  CHECK(cuStreamQuery(other) == CUDA_ERROR_NOT_READY);
  CHECK(cuEventElapsedTime(&ms, e, e) == CUDA_ERROR_NOT_READY);
  // Recorded anew, the event means another moment; who waited before still waits for the old one.
  CUstream idle;
  CHECK(cuStreamCreateWithPriority(&idle, CU_STREAM_NON_BLOCKING, 0) == 0);
  CHECK(cuLaunchHostFunc(idle, take_place, &first) == 0);
  CHECK(cuEventRecord(e, idle) == 0);
  CHECK(cuEventSynchronize(e) == 0);
  CHECK(first == 1 && second == 0);
  CHECK(cuStreamQuery(other) == CUDA_ERROR_NOT_READY);
  CHECK(cuLaunchHostFunc(g.stream, take_place, &third) == 0);
  held.open = 1;
  CHECK(cuStreamSynchronize(other) == 0 && cuStreamSynchronize(g.stream) == 0);
  CHECK(second > 1 && third > 1);
  CHECK(cuStreamQuery(other) == 0);

  CHECK(cuEventRecord(e, g.stream) == 0);
  CHECK(cuLaunchHostFunc(g.stream, call_inside, g.stream) == 0);
  CHECK(cuEventRecord(late, g.stream) == 0 && cuEventSynchronize(late) == 0);
  CHECK(inside == CUDA_ERROR_NOT_PERMITTED);
  CHECK(cuEventElapsedTime(&ms, e, late) == 0 && ms >= 0);
  CHECK(cuEventRecord(untimed, g.stream) == 0 && cuEventSynchronize(untimed) == 0);
  CHECK(cuEventElapsedTime(&ms, e, untimed) == CUDA_ERROR_INVALID_HANDLE);

  // A destroyed stream still does what it has to.
  gate last = {0};
  CHECK(cuLaunchHostFunc(idle, hold, &last) == 0);
  CHECK(cuLaunchHostFunc(idle, take_place, &first) == 0);
  CHECK(cuEventRecord(e, idle) == 0);
  CHECK(cuStreamDestroy_v2(idle) == 0);
  CHECK(cuStreamDestroy_v2(idle) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuStreamQuery(idle) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuEventRecord(late, idle) == CUDA_ERROR_INVALID_HANDLE);
  last.open = 1;
  CHECK(cuEventSynchronize(e) == 0 && first == 4);
  CHECK(cuStreamWaitEvent(other, (CUevent)other, 0) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuStreamWaitEvent(other, e, 7) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuEventDestroy_v2(e) == 0 && cuEventDestroy_v2(late) == 0);
  CHECK(cuEventDestroy_v2(e) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuEventDestroy_v2(untimed) == 0 && cuStreamDestroy_v2(other) == 0);
  gpu_close(&g);
}

static void copies(void) {
  gpu g = gpu_open(0, 0);
  const size_t n = 100000;
  CUdeviceptr a = gpu_allocate(&g, n), b = gpu_allocate(&g, n);
  unsigned char *pinned, *plain = malloc(n), *back = malloc(n);
  CHECK(cuMemHostAlloc((void **)&pinned, n, 0) == 0);
  gate held = {0};
  CHECK(cuLaunchHostFunc(g.stream, hold, &held) == 0);
  memset(plain, 1, n);
  memset(pinned, 2, n);
  CHECK(cuMemcpyHtoDAsync_v2(a, plain, n, g.stream) == 0);
  CHECK(cuMemcpyHtoDAsync_v2(b, pinned, n, g.stream) == 0);
  // Pageable bytes are taken at the call, pinned ones when the stream gets there.
  memset(plain, 3, n);
  memset(pinned, 4, n);
  held.open = 1;
  CHECK(cuMemcpyDtoHAsync_v2(back, a, n, g.stream) == 0);
  CHECK(back[0] == 1 && back[n - 1] == 1);
  CHECK(cuMemcpyDtoHAsync_v2(back, b, n, g.stream) == 0);
  CHECK(back[0] == 4 && back[n - 1] == 4);
  CHECK(cuMemsetD8Async(a + 10, 7, 20, g.stream) == 0);
  CHECK(cuMemcpyDtoDAsync_v2(b, a, n, g.stream) == 0);
  CHECK(cuMemcpyDtoHAsync_v2(pinned, b, n, g.stream) == 0);
  CHECK(cuStreamSynchronize(g.stream) == 0);
  CHECK(pinned[9] == 1 && pinned[10] == 7 && pinned[29] == 7 && pinned[30] == 1);
  CHECK(cuMemcpyDtoDAsync_v2(b, a, 0, g.stream) == 0);
  CHECK(cuMemsetD8Async(a + n - 1, 7, 2, g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemcpyHtoDAsync_v2(a, NULL, 4, g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeHost(pinned) == 0);
  CHECK(cuMemFreeAsync(a, g.stream) == 0 && cuMemFreeAsync(b, g.stream) == 0);
  free(plain);
  free(back);
  gpu_close(&g);
}

static void launches(void) {
  gpu g = gpu_open(0, 0);
  CUmodule m;
  CUfunction f;
  CHECK(cuModuleLoadData(&m, "no image") == CUDA_ERROR_INVALID_IMAGE);
  CHECK(cuModuleLoadData(&m, "// of a compiler\n\n.version 8.0\n") == CUDA_ERROR_INVALID_PTX);
  CHECK(cuModuleGetFunction(&f, g.module, "test_no_such_kernel") == CUDA_ERROR_NOT_FOUND);
  CHECK(cuModuleGetFunction(&f, (CUmodule)g.stream, "test_saxpy") == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuModuleGetFunction(&f, g.module, "test_saxpy") == 0);
  enum { N = 1000 };
  float in[N], out[N];
  for (int i = 0; i < N; i++) in[i] = (float)i, out[i] = 1;
  CUdeviceptr x = gpu_allocate(&g, sizeof in), y = gpu_allocate(&g, sizeof out);
  CHECK(cuMemcpyHtoDAsync_v2(x, in, sizeof in, g.stream) == 0);
  CHECK(cuMemcpyHtoDAsync_v2(y, out, sizeof out, g.stream) == 0);
  kernel_arguments a = {(float *)(uintptr_t)x, (float *)(uintptr_t)y, NULL, N, 2};
  void *parameters[] = {&a};
  CHECK(cuLaunchKernel(f, 8, 1, 1, 128, 1, 1, 0, g.stream, parameters, NULL) == 0);
  // The parameters were taken at the call.
  memset(&a, 0, sizeof a);
  CHECK(cuMemcpyDtoHAsync_v2(out, y, sizeof out, g.stream) == 0);
  int wrong = 0;
  for (int i = 0; i < N; i++) wrong += out[i] != 2 * (float)i + 1;
  CHECKF(wrong == 0, "%d wrong results", wrong);

#define LAUNCH(gx, gy, gz, bx, by, bz, shared)                                                     \
  cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, g.stream, parameters, NULL)
  CHECK(LAUNCH(0, 1, 1, 1, 1, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(LAUNCH(1, 65536, 1, 1, 1, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(LAUNCH(1, 1, 1, 1025, 1, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(LAUNCH(1, 1, 1, 32, 33, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(LAUNCH(1, 1, 1, 1, 1, 65, 0) == CUDA_ERROR_INVALID_VALUE);
  CHECK(LAUNCH(1, 1, 1, 1, 1, 1, 48 * 1024 + 1) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 20) ==
        CUDA_ERROR_INVALID_VALUE);
  CHECK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 << 10) == 0);
  CHECK(LAUNCH(1, 1, 1, 1, 1, 1, 64 << 10) == 0);
  parameters[0] = NULL;
  CHECK(LAUNCH(1, 1, 1, 1, 1, 1, 0) == CUDA_ERROR_INVALID_VALUE);
  parameters[0] = &a;
  CHECK(cuModuleGetFunction(&f, g.module, "test_warp_exchange") == 0);
  CHECK(LAUNCH(1, 1, 1, 64, 1, 1, 0) == CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  f = (CUfunction)g.module;
  CHECK(LAUNCH(1, 1, 1, 1, 1, 1, 0) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuStreamSynchronize(g.stream) == 0);
  CHECK(cuMemFreeAsync(x, g.stream) == 0 && cuMemFreeAsync(y, g.stream) == 0);
  gpu_close(&g);
}

// What belongs to one device is not another's; memory of both can be waited for and copied.
static void two_devices(void) {
  gpu a = gpu_open(0, 0), b = gpu_open(1, 0); // b is current
  CUdeviceptr memory;
  CUfunction f;
  CUevent e;
  int n = 0;
  kernel_arguments arguments = {0};
  void *parameters[] = {&arguments};
  CHECK(cuModuleGetFunction(&f, b.module, "test_saxpy") == 0);
  CHECK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, a.stream, parameters, NULL) ==
        CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuMemAllocFromPoolAsync(&memory, 8, a.pool, b.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuEventCreate(&e, 0) == 0);
  CHECK(cuEventRecord(e, a.stream) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuEventRecord(e, b.stream) == 0);
  CHECK(cuStreamWaitEvent(a.stream, e, 0) == 0);
  CHECK(cuStreamSynchronize(a.stream) == 0);
  CHECK(cuMemAllocFromPoolAsync(&memory, 8, a.pool, a.stream) == CUDA_ERROR_INVALID_HANDLE);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  memory = gpu_allocate(&a, 4);
  CHECK(cuMemcpyHtoDAsync_v2(memory, &n, sizeof n, a.stream) == 0);
  CHECK(cuCtxSetCurrent(b.context) == 0);
  CHECK(cuMemFreeAsync(memory, b.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuMemFreeAsync(memory, a.stream) == 0);
  CHECK(cuEventDestroy_v2(e) == 0);
  gpu_close(&b);
  CHECK(cuCtxSetCurrent(a.context) == 0);
  gpu_close(&a);
}

// Nothing runs before somebody asks.
static void lazy(void) {
  gpu g = gpu_open(0, 0);
  CUstream other;
  CUevent e;
  unsigned char *pinned;
  _Atomic int place = 0;
  CHECK(cuStreamCreateWithPriority(&other, CU_STREAM_NON_BLOCKING, 0) == 0);
  CHECK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING) == 0);
  CHECK(cuMemHostAlloc((void **)&pinned, 16, 0) == 0);
  CUdeviceptr a = gpu_allocate(&g, 16);
  CHECK(cuMemsetD8Async(a, 5, 16, g.stream) == 0);
  CHECK(cuEventRecord(e, g.stream) == 0);
  CHECK(cuStreamWaitEvent(other, e, 0) == 0);
  CHECK(cuMemcpyDtoHAsync_v2(pinned, a, 16, other) == 0);
  usleep(20000);
  CHECK(pinned[0] == 0xFD);
  // Waiting for one stream runs what it waits for in the other, and no more of that.
  CHECK(cuMemsetD8Async(a, 6, 16, g.stream) == 0);
  CHECK(cuStreamSynchronize(other) == 0);
  CHECK(pinned[0] == 5 && pinned[15] == 5);
  CHECK(cuMemcpyDtoHAsync_v2(pinned, a, 16, g.stream) == 0);
  usleep(20000);
  CHECK(pinned[0] == 5);
  CHECK(cuLaunchHostFunc(g.stream, take_place, &place) == 0);
  for (int i = 0; i < 10000 && place == 0; i++) usleep(100);
  CHECK(place != 0 && pinned[0] == 6);
  CHECK(cuMemsetD8Async(a, 7, 16, g.stream) == 0);
  for (int i = 0; i < 10000 && cuStreamQuery(g.stream) != 0; i++) usleep(100);
  CHECK(cuStreamQuery(g.stream) == 0);
  CHECK(cuMemFreeAsync(a, g.stream) == 0);
  // Memory that its own stream has not allocated yet is not there for others.
  a = gpu_allocate(&g, 16);
  CHECK(cuMemsetD8Async(a, 7, 16, other) == 0);
  CHECK(cuStreamSynchronize(other) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECKF(strstr(standin_report(), "allocated on another stream") != NULL, "%s", standin_report());
  cuMemFreeAsync(a, g.stream);
  cuMemFreeHost(pinned);
  cuEventDestroy_v2(e);
  cuStreamDestroy_v2(other);
  gpu_close(&g);
}

// The process ends, and does not crash, with work under way and more of it waiting.
static void leave_at_once(void) {
  gpu g = gpu_open(0, 0);
  static gate never;
  CHECK(cuLaunchHostFunc(g.stream, hold, &never) == 0);
  CHECK(cuMemsetD8Async(gpu_allocate(&g, 1 << 20), 1, 1 << 20, g.stream) == 0);
  while (!never.reached) usleep(100);
}

// Not part of the checks: what a launch costs, called and waited for.
static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void measure(void) {
  gpu g = gpu_open(0, 0);
  CUfunction f;
  kernel_arguments a = {0};
  void *parameters[] = {&a};
  CHECK(cuModuleGetFunction(&f, g.module, "test_empty") == 0);
  enum { ROUNDS = 50, LAUNCHES = 1000 };
  double submit = 1e9, whole = 1e9, one = 0;
  for (int r = 0; r < ROUNDS; r++) {
    const double begin = now();
    for (int i = 0; i < LAUNCHES; i++) {
      cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, g.stream, parameters, NULL);
    }
    const double submitted = (now() - begin) / LAUNCHES;
    cuStreamSynchronize(g.stream);
    const double done = (now() - begin) / LAUNCHES;
    if (submitted < submit) submit = submitted;
    if (done < whole) whole = done;
  }
  for (int i = 0; i < LAUNCHES; i++) {
    const double begin = now();
    cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, g.stream, parameters, NULL);
    one += now() - begin;
    cuStreamSynchronize(g.stream);
  }
  printf("launch %.2f us, with running it %.2f us, into an idle stream %.2f us\n", submit, whole,
         one / LAUNCHES);
  gpu_close(&g);
}

static const part parts[] = {
    {"devices", devices,
     "STANDIN_DEVICES=2 STANDIN_CC=8.6 STANDIN_MEMORY=64M STANDIN_VERSION=12040"},
    {"missing", missing, "STANDIN_MISSING=cuGreenCtxCreate,cuDeviceGetUuid_v2"},
    {"no_device", no_device, "STANDIN_DEVICES=0"},
    {"pools", pools, ""},
    {"host_memory", host_memory, ""},
    {"streams", streams, ""},
    {"copies", copies, ""},
    {"launches", launches, ""},
    {"two_devices", two_devices, "STANDIN_DEVICES=2"},
    {"lazy", lazy, "STANDIN_LAZY=1"},
    {"leave_at_once", leave_at_once, ""},
    {"measure", measure, NULL},
    {0},
};

int main(int argc, char **argv) { return run_parts(parts, argc, argv); }
