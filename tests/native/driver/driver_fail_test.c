// The stand-in driver's failures: a device that is lost stays lost and hurts no other; any call can be
// made to fail, once or for good, and what is destroyed afterwards is gone all the same.
#include <sys/wait.h>

#include "driver_test.h"

// A kernel that writes far beyond its memory; then every call on that device gives the same error.
static void lost(void) {
  gpu g = gpu_open(0, 0), other = gpu_open(1, 0);
  CUfunction f;
  CUevent e;
  CUmodule m;
  CUdeviceptr memory;
  void *pinned;
  float ms;
  uint64_t value;
  size_t unused, total;
  CHECK(cuCtxSetCurrent(g.context) == 0);
  CHECK(cuMemHostAlloc(&pinned, 64, 0) == 0);
  CHECK(cuEventCreate(&e, 0) == 0);
  CHECK(cuModuleGetFunction(&f, g.module, "test_far") == 0);
  const CUdeviceptr counts = gpu_allocate(&g, 64 * sizeof(int));
  kernel_arguments a = {.counts = (int *)(uintptr_t)counts};
  void *parameters[] = {&a};
  CHECK(cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, g.stream, parameters, NULL) == 0);
  CHECK(cuEventRecord(e, g.stream) == 0 || cuEventQuery(e) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECK(cuStreamSynchronize(g.stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECKF(strstr(standin_report(), "test_far") != NULL, "%s", standin_report());
#define LOST(call) CHECKF((call) == CUDA_ERROR_ILLEGAL_ADDRESS, "%s", #call)
  LOST(cuStreamSynchronize(g.stream));
  LOST(cuStreamQuery(g.stream));
  LOST(cuLaunchKernel(f, 1, 1, 1, 64, 1, 1, 0, g.stream, parameters, NULL));
  LOST(cuMemAllocFromPoolAsync(&memory, 64, g.pool, g.stream));
  LOST(cuMemsetD8Async(counts, 0, 4, g.stream));
  LOST(cuMemcpyDtoHAsync_v2(&a, counts, 4, g.stream));
  LOST(cuEventRecord(e, g.stream));
  LOST(cuEventQuery(e));
  LOST(cuEventElapsedTime(&ms, e, e));
  LOST(cuModuleLoadData(&m, IMAGE));
  LOST(cuMemGetInfo_v2(&unused, &total));
  LOST(cuMemPoolGetAttribute(g.pool, CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT, &value));
  LOST(cuStreamBeginCapture_v2(g.stream, 1));
  // What is given back is gone, whatever the call says.
  LOST(cuMemFreeAsync(counts, g.stream));
  LOST(cuMemFreeHost(pinned));
  LOST(cuEventDestroy_v2(e));
  CHECK(cuEventDestroy_v2(e) == CUDA_ERROR_INVALID_HANDLE);
  gpu_close(&g);
  CUcontext c;
  LOST(cuDevicePrimaryCtxRetain(&c, 0));

  CHECK(cuCtxSetCurrent(other.context) == 0);
  memory = gpu_allocate(&other, 64);
  CHECK(cuMemsetD8Async(memory, 1, 64, other.stream) == 0);
  CHECK(cuStreamSynchronize(other.stream) == 0);
  CHECK(cuMemFreeAsync(memory, other.stream) == 0);
  gpu_close(&other);
  check_nothing_left();
}

// A kernel writes behind its memory, but not as far as the guard page: found when the memory is freed.
static void overrun(void) {
  gpu g = gpu_open(0, 0);
  CUfunction f;
  CHECK(cuModuleGetFunction(&f, g.module, "test_bytes") == 0);
  const CUdeviceptr memory = gpu_allocate(&g, 100);
  kernel_arguments a = {.counts = (int *)(uintptr_t)memory, .n = 101};
  void *parameters[] = {&a};
  CHECK(cuLaunchKernel(f, 1, 1, 1, 128, 1, 1, 0, g.stream, parameters, NULL) == 0);
  CHECK(cuStreamSynchronize(g.stream) == 0);
  CHECK(cuMemFreeAsync(memory, g.stream) == 0);
  CHECK(cuStreamSynchronize(g.stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECKF(strstr(standin_report(), "1 behind a piece of 100 bytes") != NULL, "%s", standin_report());
}

// Memory that a copy comes to after it was freed.
static void freed_too_early(void) {
  gpu g = gpu_open(0, 0);
  CUstream other;
  void *pinned;
  CHECK(cuMemHostAlloc(&pinned, 64, 0) == 0);
  CHECK(cuStreamCreateWithPriority(&other, CU_STREAM_NON_BLOCKING, 0) == 0);
  const CUdeviceptr memory = gpu_allocate(&g, 64);
  CHECK(cuMemcpyHtoDAsync_v2(memory, pinned, 64, g.stream) == 0);
  CHECK(cuMemFreeHost(pinned) == 0);
  CHECK(cuStreamSynchronize(g.stream) == CUDA_ERROR_ILLEGAL_ADDRESS);
  CHECKF(strstr(standin_report(), "freed") != NULL, "%s", standin_report());
}

// A kernel that waits for what nobody does.
static void spinning(void) {
  gpu g = gpu_open(0, 0);
  CUfunction f;
  const CUdeviceptr memory = gpu_allocate(&g, sizeof(int));
  kernel_arguments a = {.counts = (int *)(uintptr_t)memory};
  void *parameters[] = {&a};
  CHECK(cuModuleGetFunction(&f, g.module, "test_spin") == 0);
  CHECK(cuMemsetD8Async(memory, 1, sizeof(int), g.stream) == 0);
  CHECK(cuLaunchKernel(f, 2, 1, 1, 64, 1, 1, 0, g.stream, parameters, NULL) == 0);
  CHECK(cuMemsetD8Async(memory, 0, sizeof(int), g.stream) == 0);
  CHECK(cuLaunchKernel(f, 2, 1, 1, 64, 1, 1, 0, g.stream, parameters, NULL) == 0);
  CHECK(cuStreamSynchronize(g.stream) == CUDA_ERROR_LAUNCH_TIMEOUT);
  const char *report = standin_report();
  CHECKF(strstr(report, "kernel test_spin: has run for more than 60 ms") != NULL, "%s", report);
  CHECKF(strstr(report, "block (0, 0, 0), thread (40, 0, 0)") != NULL, "%s", report);
}

// STANDIN_FAIL counts the calls of one function.
static void by_environment(void) {
  gpu g = gpu_open(0, 0);
  CUdeviceptr a, b, c;
  CHECK(cuMemAllocFromPoolAsync(&a, 64, g.pool, g.stream) == 0);
  CHECK(cuMemAllocFromPoolAsync(&b, 64, g.pool, g.stream) == CUDA_ERROR_OUT_OF_MEMORY);
  CHECK(cuMemAllocFromPoolAsync(&c, 64, g.pool, g.stream) == 0);
  CHECK(cuMemFreeAsync(a, g.stream) == 0 && cuMemFreeAsync(c, g.stream) == 0);
  gpu_close(&g);
  standin_fail_call("cuDevicePrimaryCtxRetain", 2, CUDA_ERROR_DEVICE_UNAVAILABLE);
  CUcontext context;
  CHECK(cuDevicePrimaryCtxRetain(&context, 0) == 0);
  CHECK(cuDevicePrimaryCtxRetain(&context, 0) == CUDA_ERROR_DEVICE_UNAVAILABLE);
  CHECK(cuDevicePrimaryCtxRelease_v2(0) == 0);
}

// The call succeeds; its stream finds out.
static void later(void) {
  gpu g = gpu_open(0, 0);
  const CUdeviceptr memory = gpu_allocate(&g, 64);
  CHECK(cuMemsetD8Async(memory, 1, 64, g.stream) == 0);
  CHECK(cuStreamSynchronize(g.stream) == CUDA_ERROR_LAUNCH_FAILED);
  CHECK(cuMemFreeAsync(memory, g.stream) == CUDA_ERROR_LAUNCH_FAILED);
  gpu_close(&g);
}

// ---- a whole scenario in which each call fails in turn

static void nothing(void *value) { (void)value; }

// Returns the first error; gives back whatever it got, also then.
static CUresult scenario(void) {
  CUcontext context = NULL;
  CUstream stream = NULL;
  CUevent event = NULL;
  CUmodule module;
  CUfunction function;
  CUmemoryPool pool;
  CUdeviceptr x = 0, y = 0;
  CUgraph graph = NULL;
  CUgraphExec executable = NULL;
  void *pinned = NULL;
  kernel_arguments a = {.n = 64, .scale = 1};
  void *parameters[] = {&a};
  float host[64] = {0};
  const CUmemPoolProps properties = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                                     .location = {CU_MEM_LOCATION_TYPE_DEVICE, 0}};
  CUresult result = CUDA_SUCCESS;
#define TRY(call)                                                                                  \
  if (result == CUDA_SUCCESS) result = call
#define ALWAYS(made, call)                                                                         \
  if (made) {                                                                                      \
    const CUresult given = call;                                                                   \
    if (result == CUDA_SUCCESS) result = given;                                                    \
  }
  TRY(cuInit(0));
  TRY(cuDevicePrimaryCtxRetain(&context, 0));
  TRY(cuCtxSetCurrent(context));
  TRY(cuMemPoolCreate(&pool, &properties));
  TRY(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, 0));
  TRY(cuEventCreate(&event, CU_EVENT_DEFAULT));
  TRY(cuModuleLoadData(&module, IMAGE));
  TRY(cuModuleGetFunction(&function, module, "test_saxpy"));
  TRY(cuMemHostAlloc(&pinned, sizeof host, 0));
  TRY(cuMemAllocFromPoolAsync(&x, sizeof host, pool, stream));
  TRY(cuMemAllocFromPoolAsync(&y, sizeof host, pool, stream));
  TRY(cuMemcpyHtoDAsync_v2(x, host, sizeof host, stream));
  TRY(cuMemsetD8Async(y, 0, sizeof host, stream));
  a.in = (float *)(uintptr_t)x;
  a.out = (float *)(uintptr_t)y;
  TRY(cuStreamBeginCapture_v2(stream, 1));
  TRY(cuLaunchKernel(function, 1, 1, 1, 64, 1, 1, 0, stream, parameters, NULL));
  // Once begun a capture must end, or the stream stays in it.
  ALWAYS(stream, cuStreamEndCapture(stream, &graph));
  TRY(cuGraphInstantiateWithFlags(&executable, graph, 0));
  TRY(cuGraphLaunch(executable, stream));
  TRY(cuEventRecord(event, stream));
  TRY(cuStreamWaitEvent(stream, event, 0));
  TRY(cuLaunchHostFunc(stream, nothing, NULL));
  TRY(cuMemcpyDtoHAsync_v2(pinned, y, sizeof host, stream));
  TRY(cuEventSynchronize(event));
  TRY(cuStreamSynchronize(stream));
  ALWAYS(graph, cuGraphDestroy(graph));
  ALWAYS(executable, cuGraphExecDestroy(executable));
  ALWAYS(x, cuMemFreeAsync(x, stream));
  ALWAYS(y, cuMemFreeAsync(y, stream));
  ALWAYS(stream, cuStreamSynchronize(stream));
  ALWAYS(pinned, cuMemFreeHost(pinned));
  ALWAYS(event, cuEventDestroy_v2(event));
  ALWAYS(stream, cuStreamDestroy_v2(stream));
  ALWAYS(context, cuDevicePrimaryCtxRelease_v2(0));
  return result;
}

// In a process of its own; true if all is as it should.
static bool fails_well(uint64_t n, CUresult code, bool stays) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);
    standin_fail_after(n, code);
    CHECKF(scenario() == code, "call %d: %s", (int)n, "another error");
    check_nothing_left();
    const CUresult again = scenario();
    // Before there is a context nothing can be lost.
    const CUresult expected = stays && n > 3 ? code : CUDA_SUCCESS;
    CHECKF(again == expected, "call %d failed with %d, then all with %d", (int)n, code, again);
    check_nothing_left();
    _exit(test_failures > 0);
  }
  int status = -1;
  return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void each_call(void) {
  const pid_t child = fork();
  if (child == 0) {
    CHECK(scenario() == 0);
    const uint64_t calls = standin_calls(NULL);
    check_nothing_left();
    _exit(test_failures > 0 ? 0 : (int)calls);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
  const int calls = WEXITSTATUS(status);
  CHECKF(calls > 30, "%d calls", calls);
  for (int n = 1; n <= calls; n++) {
    CHECK(fails_well((uint64_t)n, CUDA_ERROR_OUT_OF_MEMORY, false));
    CHECK(fails_well((uint64_t)n, CUDA_ERROR_LAUNCH_FAILED, true));
    CHECK(fails_well((uint64_t)n, CUDA_ERROR_UNKNOWN, true));
  }
}

static const part parts[] = {
    {"lost", lost, "STANDIN_DEVICES=2"},
    {"overrun", overrun, ""},
    {"freed_too_early", freed_too_early, "STANDIN_LAZY=1"},
    {"spinning", spinning, "STANDIN_WATCHDOG_MS=60"},
    {"by_environment", by_environment, "STANDIN_FAIL=cuMemAllocFromPoolAsync:2:2"},
    {"later", later, "STANDIN_FAIL=cuMemsetD8Async:1:719:later"},
    {"each_call", each_call, ""},
    {0},
};

int main(int argc, char **argv) { return run_parts(parts, argc, argv); }
