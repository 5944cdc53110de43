// What the tests of the stand-in driver share: its functions, a device with what most of them need, and
// parts that each run in a process of their own with their own settings.
#ifndef STANDIN_DRIVER_TEST_H
#define STANDIN_DRIVER_TEST_H

#include <pthread.h>
#include <unistd.h>

#include "../../../csrc/cuda/driver.h"
#include "../test.h"
#include "control.h"
#include "kernels_test.h"
#include "standin.h"

#define DECLARE(since, name, parameters) CUresult CUDAAPI name parameters;
GK_CUDA_FUNCTIONS(DECLARE, DECLARE)
#undef DECLARE

// ---- a device

// An image as the product has where its kernels were not built.
#define IMAGE "gpukit: built without kernels: any"

typedef struct gpu {
  CUdevice device;
  CUcontext context;
  CUmemoryPool pool;
  CUstream stream;
  CUmodule module;
} gpu;

// Its context is then current. max_bytes of the pool; 0: no limit.
static inline gpu gpu_open(int ordinal, size_t max_bytes) {
  gpu g = {.device = ordinal};
  CUmemPoolProps properties = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                               .location = {CU_MEM_LOCATION_TYPE_DEVICE, ordinal},
                               .maxSize = max_bytes};
  CHECK(cuInit(0) == 0);
  CHECK(cuDevicePrimaryCtxRetain(&g.context, ordinal) == 0);
  CHECK(cuCtxSetCurrent(g.context) == 0);
  CHECK(cuMemPoolCreate(&g.pool, &properties) == 0);
  CHECK(cuStreamCreateWithPriority(&g.stream, CU_STREAM_NON_BLOCKING, 0) == 0);
  CHECK(cuModuleLoadData(&g.module, IMAGE) == 0);
  return g;
}

static inline CUdeviceptr gpu_allocate(const gpu *g, size_t bytes) {
  CUdeviceptr memory = 0;
  CHECK(cuMemAllocFromPoolAsync(&memory, bytes, g->pool, g->stream) == 0);
  return memory;
}

// All that was made since has been given back; with the context the rest goes.
static inline void gpu_close(gpu *g) {
  standin_counts_t counts;
  cuStreamDestroy_v2(g->stream);
  standin_counts(&counts);
  CHECK(counts.events == 0 && counts.graphs == 0 && counts.executables == 0);
  CHECK(counts.device_allocations == 0 && counts.device_bytes == 0);
  CHECK(counts.pinned_allocations == 0 && counts.pinned_bytes == 0 && counts.registered == 0);
  cuDevicePrimaryCtxRelease_v2(g->device);
}

static inline void check_nothing_left(void) {
  standin_counts_t counts, none;
  memset(&none, 0, sizeof none);
  standin_counts(&counts);
  CHECK(memcmp(&counts, &none, sizeof none) == 0);
}

// ---- parts

typedef struct part {
  const char *name;
  void (*run)(void);
  const char *environment; // NULL: only when it is asked for by name
} part;

// With the name of a part: runs that. Without: each in a process of its own, and adds up what they print.
static inline int run_parts(const part *parts, int argc, char **argv) {
  char own[4096];
  const ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  if (length <= 0) return 1;
  own[length] = '\0';
  char *slash = strrchr(own, '/');
  int passed = 0, failed = 0;
  for (const part *p = parts; p->name != NULL; p++) {
    if (argc > 1 && strcmp(argv[1], p->name) == 0) {
      p->run();
      return test_done();
    }
    if (argc > 1 || p->environment == NULL) continue;
    char command[9000];
    snprintf(command, sizeof command,
             "STANDIN_QUIET=1 STANDIN_KERNELS=\"${STANDIN_KERNELS:-%.*s/libkernels_test.so}\" %s "
             "'%s' %s",
             (int)(slash - own), own, p->environment, own, p->name);
    FILE *child = popen(command, "r");
    if (child == NULL) return 1;
    char line[256];
    int good = 0, bad = 0, counted = 0;
    while (fgets(line, sizeof line, child) != NULL) {
      counted |= sscanf(line, "%d passed, %d failed", &good, &bad) == 2;
    }
    const int status = pclose(child);
    if (!counted || (status != 0 && bad == 0)) {
      fprintf(stderr, "%s: ended with status %d\n", p->name, status);
      bad++;
    }
    if (bad > 0) fprintf(stderr, "%s: %d failed\n", p->name, bad);
    passed += good;
    failed += bad;
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}

#endif
