// What the driver itself takes, from C: the launch of the kernel of add on 8 float32, as csrc/cuda launches
// it, and copies from device to device. bench/gpu/worker.ts measures the same from TypeScript.
//
//   launch BYTES ROUNDS CALLS COPIES     prints {"launch": [ns a launch], "copy": [ms a copy]}
//
// A round times CALLS launches that find the stream idle, then COPIES copies between two events.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/call.h"
#include "cuda/driver.h"
#include "cuda/images.h"
#include "kernels/elementwise.h"

static void check(CUresult result, const char *what) {
  const char *name = "?";
  if (result == CUDA_SUCCESS) return;
  gk_cu.cuGetErrorName(result, &name);
  fprintf(stderr, "%s: %s\n", what, name);
  exit(1);
}
#define CHECK(call) check(gk_cu.call, #call)

static double now(void) { // ns
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static CUmemoryPool pool;

static CUdeviceptr allocate(size_t bytes, CUstream stream) {
  CUdeviceptr memory;
  CHECK(cuMemAllocFromPoolAsync(&memory, bytes, pool, stream));
  CHECK(cuMemsetD8Async(memory, 1, bytes, stream));
  return memory;
}

static void print(const char *name, const double *values, int count, const char *end) {
  printf("\"%s\": [", name);
  for (int i = 0; i < count; i++) printf("%s%.6g", i ? ", " : "", values[i]);
  printf("]%s", end);
}

int main(int argc, char **argv) {
  char why[512];
  if (argc != 5) return 2;
  size_t bytes = strtoull(argv[1], NULL, 10);
  int rounds = atoi(argv[2]), calls = atoi(argv[3]), copies = atoi(argv[4]);
  if (bytes == 0 || rounds < 1 || calls < 1 || copies < 1) return 2;
  if (!gk_cuda_driver_open(why, sizeof why)) {
    fprintf(stderr, "%s\n", why);
    return 1;
  }
  CUdevice device;
  CUcontext context;
  CUstream stream;
  CUevent begin, end;
  CUmodule module;
  CUfunction add;
  CHECK(cuInit(0));
  CHECK(cuDeviceGet(&device, 0));
  CHECK(cuDevicePrimaryCtxRetain(&context, device));
  CHECK(cuCtxSetCurrent(context));
  CHECK(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, 0));
  CHECK(cuEventCreate(&begin, CU_EVENT_DEFAULT));
  CHECK(cuEventCreate(&end, CU_EVENT_DEFAULT));
  CHECK(cuModuleLoadData(&module, gk_image_find("elementwise", NULL)));
  CHECK(cuModuleGetFunction(&add, module, "elementwise_flat_float32"));
  CUmemPoolProps properties = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                               .location = {CU_MEM_LOCATION_TYPE_DEVICE, device}};
  CHECK(cuMemPoolCreate(&pool, &properties));

  gk_elementwise_flat a = {.size = 8, .op = GK_OP_add, .inputs = 2, .result = GK_float32, .aligned = 1};
  a.in[0] = (const void *)allocate(256, stream);
  a.in[1] = (const void *)allocate(256, stream);
  a.out = (void *)allocate(256, stream);
  void *parameters[] = {&a};
  CUdeviceptr from = allocate(bytes, stream), to = allocate(bytes, stream);
  CHECK(cuStreamSynchronize(stream));

  double *launch = calloc((size_t)rounds, sizeof *launch), *copy = calloc((size_t)rounds, sizeof *copy);
  if (!launch || !copy) return 1;
  for (int round = -1; round < rounds; round++) { // the first one warms up
    double began = now();
    for (int i = 0; i < calls; i++)
      CHECK(cuLaunchKernel(add, 1, 1, 1, GK_ELEMENTWISE_THREADS, 1, 1, 0, stream, parameters, NULL));
    double took = now() - began;
    CHECK(cuStreamSynchronize(stream));
    CHECK(cuEventRecord(begin, stream));
    for (int i = 0; i < copies; i++) CHECK(cuMemcpyDtoDAsync_v2(to, from, bytes, stream));
    CHECK(cuEventRecord(end, stream));
    CHECK(cuEventSynchronize(end));
    float ms;
    CHECK(cuEventElapsedTime(&ms, begin, end));
    if (round < 0) continue;
    launch[round] = took / calls;
    copy[round] = (double)ms / copies;
  }
  printf("{");
  print("launch", launch, rounds, ", ");
  print("copy", copy, rounds, "}\n");
  return 0;
}
