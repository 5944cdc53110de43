// The stand-in driver's captures and graphs: what is recorded is run only by launches, with the parameters
// of the time of each; forks must join; what must not happen in a capture spoils it.
#include "driver_test.h"

enum { N = 256 };

typedef struct bench {
  gpu g;
  CUstream other;
  CUevent fork, join;
  CUfunction saxpy;
  CUdeviceptr x, y;
} bench;

static bench open_bench(void) {
  bench b = {.g = gpu_open(0, 0)};
  CHECK(cuStreamCreateWithPriority(&b.other, CU_STREAM_NON_BLOCKING, 0) == 0);
  CHECK(cuEventCreate(&b.fork, CU_EVENT_DISABLE_TIMING) == 0);
  CHECK(cuEventCreate(&b.join, CU_EVENT_DISABLE_TIMING) == 0);
  CHECK(cuModuleGetFunction(&b.saxpy, b.g.module, "test_saxpy") == 0);
  b.x = gpu_allocate(&b.g, N * sizeof(float));
  b.y = gpu_allocate(&b.g, N * sizeof(float));
  float ones[N];
  for (int i = 0; i < N; i++) ones[i] = 1;
  CHECK(cuMemcpyHtoDAsync_v2(b.x, ones, sizeof ones, b.g.stream) == 0);
  CHECK(cuMemsetD8Async(b.y, 0, sizeof ones, b.g.stream) == 0);
  CHECK(cuStreamSynchronize(b.g.stream) == 0);
  return b;
}

static void close_bench(bench *b) {
  CHECK(cuMemFreeAsync(b->x, b->g.stream) == 0 && cuMemFreeAsync(b->y, b->g.stream) == 0);
  CHECK(cuEventDestroy_v2(b->fork) == 0 && cuEventDestroy_v2(b->join) == 0);
  CHECK(cuStreamDestroy_v2(b->other) == 0);
  gpu_close(&b->g);
}

static kernel_arguments arguments(const bench *b, float scale) {
  return (kernel_arguments){(float *)(uintptr_t)b->x, (float *)(uintptr_t)b->y, NULL, N, scale};
}

// y += scale * x
static void add(const bench *b, CUstream s, float scale) {
  kernel_arguments a = arguments(b, scale);
  void *parameters[] = {&a};
  CHECK(cuLaunchKernel(b->saxpy, 2, 1, 1, N / 2, 1, 1, 0, s, parameters, NULL) == 0);
}

static float sum_so_far(const bench *b) {
  float y[N];
  CHECK(cuMemcpyDtoHAsync_v2(y, b->y, sizeof y, b->g.stream) == 0);
  CHECK(y[0] == y[N - 1]);
  return y[N - 1];
}

static CUgraphNode last_node(CUstream s) {
  int status = -1;
  uint64_t id;
  CUgraph graph;
  const CUgraphNode *nodes = NULL;
  const void *edges;
  size_t count = 0;
  CHECK(cuStreamGetCaptureInfo_v3(s, &status, &id, &graph, &nodes, &edges, &count) == 0);
  CHECK(status == 1 && count == 1);
  return count == 1 ? nodes[0] : NULL;
}

static int capture_status(CUstream s) {
  int status = -1;
  CHECK(cuStreamGetCaptureInfo_v3(s, &status, NULL, NULL, NULL, NULL, NULL) == 0);
  return status;
}

static void replay(void) {
  bench b = open_bench();
  CUgraph graph = NULL;
  CUgraphExec run;
  void *pinned;
  CHECK(cuMemHostAlloc(&pinned, N * sizeof(float), 0) == 0);
  CHECK(capture_status(b.g.stream) == 0);
  CHECK(cuStreamEndCapture(b.g.stream, &graph) == 401);
  CHECK(cuStreamBeginCapture_v2(NULL, 1) == CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CHECK(cuStreamBeginCapture_v2(b.g.stream, 9) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuStreamBeginCapture_v2(b.g.stream, 1) == 0);
  CHECK(cuStreamBeginCapture_v2(b.g.stream, 1) == 401);
  add(&b, b.g.stream, 1);
  const CUgraphNode first = last_node(b.g.stream);
  add(&b, b.g.stream, 10);
  CHECK(last_node(b.g.stream) != first);
  CHECK(cuMemcpyDtoHAsync_v2(pinned, b.y, N * sizeof(float), b.g.stream) == 0);
  const CUgraphNode copy = last_node(b.g.stream);
  CHECK(cuStreamEndCapture(b.g.stream, &graph) == 0);
  CHECK(capture_status(b.g.stream) == 0);
  CHECK(sum_so_far(&b) == 0); // nothing has run
  CHECK(cuGraphInstantiateWithFlags(&run, graph, 99) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphInstantiateWithFlags(&run, graph, 0) == 0);
  CHECK(cuGraphLaunch((CUgraphExec)graph, b.g.stream) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphLaunch(run, b.g.stream) == 0);
  CHECK(sum_so_far(&b) == 11);
  CHECK(*(float *)pinned == 11);

  // A launch has the parameters of its time.
  kernel_arguments a = arguments(&b, 2);
  void *parameters[] = {&a};
  CUDA_KERNEL_NODE_PARAMS p = {.func = b.saxpy,
                               .gridDimX = 1,
                               .gridDimY = 1,
                               .gridDimZ = 1,
                               .blockDimX = N,
                               .blockDimY = 1,
                               .blockDimZ = 1,
                               .kernelParams = parameters};
  CHECK(cuGraphLaunch(run, b.g.stream) == 0);
  CHECK(cuGraphExecKernelNodeSetParams_v2(run, first, &p) == 0);
  a.scale = 1000;
  CHECK(cuGraphLaunch(run, b.g.stream) == 0);
  CHECK(sum_so_far(&b) == 11 + 11 + 12);
  CHECK(cuGraphExecKernelNodeSetParams_v2(run, copy, &p) == CUDA_ERROR_INVALID_VALUE);
  p.blockDimX = 2048;
  CHECK(cuGraphExecKernelNodeSetParams_v2(run, first, &p) == CUDA_ERROR_INVALID_VALUE);
  p.blockDimX = N;

  // A node is named by its graph, which must be there for that; launches need it no more.
  CHECK(cuGraphDestroy(graph) == 0);
  CHECK(cuGraphDestroy(graph) == CUDA_ERROR_INVALID_VALUE);
  CHECK(cuGraphExecKernelNodeSetParams_v2(run, first, &p) == CUDA_ERROR_INVALID_VALUE);
  // Launches on two streams come one after the other.
  for (int i = 0; i < 20; i++) CHECK(cuGraphLaunch(run, i % 2 ? b.other : b.g.stream) == 0);
  CHECK(cuStreamSynchronize(b.other) == 0);
  CHECK(sum_so_far(&b) == 34 + 20 * 12);
  CHECK(cuGraphLaunch(run, b.g.stream) == 0);
  CHECK(cuGraphExecDestroy(run) == 0); // it still runs
  CHECK(cuGraphExecDestroy(run) == CUDA_ERROR_INVALID_VALUE);
  CHECK(sum_so_far(&b) == 34 + 21 * 12);
  CHECK(cuMemFreeHost(pinned) == 0);
  close_bench(&b);
}

static void fork_and_join(void) {
  bench b = open_bench();
  CUgraph graph;
  CUgraphExec run;
  CHECK(cuStreamBeginCapture_v2(b.g.stream, 1) == 0);
  add(&b, b.g.stream, 1);
  CHECK(cuEventRecord(b.fork, b.g.stream) == 0);
  CHECK(cuEventQuery(b.fork) == 907 && cuEventSynchronize(b.fork) == 907);
  CHECK(cuStreamWaitEvent(b.other, b.fork, 0) == 0);
  CHECK(capture_status(b.other) == 1);
  add(&b, b.other, 2);
  CHECK(cuStreamEndCapture(b.other, &graph) == 903);
  CHECK(capture_status(b.g.stream) == 2);
  CHECK(cuStreamEndCapture(b.g.stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  CHECK(graph == NULL);
  CHECK(capture_status(b.other) == 0);

  // A fork that is not joined.
  CHECK(cuStreamBeginCapture_v2(b.g.stream, 1) == 0);
  CHECK(cuEventRecord(b.fork, b.g.stream) == 0);
  CHECK(cuStreamWaitEvent(b.other, b.fork, 0) == 0);
  add(&b, b.other, 2);
  CHECK(cuStreamEndCapture(b.g.stream, &graph) == 904);

  CHECK(cuStreamBeginCapture_v2(b.g.stream, 1) == 0);
  add(&b, b.g.stream, 1);
  CHECK(cuEventRecord(b.fork, b.g.stream) == 0);
  CHECK(cuStreamWaitEvent(b.other, b.fork, 0) == 0);
  add(&b, b.other, 2);
  CHECK(cuEventRecord(b.join, b.other) == 0);
  CHECK(cuStreamWaitEvent(b.g.stream, b.join, 0) == 0);
  add(&b, b.g.stream, 4);
  CHECK(cuStreamEndCapture(b.g.stream, &graph) == 0);
  CHECK(cuStreamWaitEvent(b.other, b.join, 0) == 905); // that capture is over
  CHECK(cuGraphInstantiateWithFlags(&run, graph, 0) == 0);
  CHECK(cuGraphLaunch(run, b.other) == 0);
  CHECK(cuStreamSynchronize(b.other) == 0);
  CHECK(sum_so_far(&b) == 7);
  // Recorded outside of a capture the event is one like any other.
  CHECK(cuEventRecord(b.join, b.other) == 0 && cuEventSynchronize(b.join) == 0);
  CHECK(cuGraphDestroy(graph) == 0 && cuGraphExecDestroy(run) == 0);
  close_bench(&b);
}

typedef CUresult (*deed)(bench *b);

static CUresult synchronise(bench *b) { return cuStreamSynchronize(b->g.stream); }
static CUresult query(bench *b) { return cuStreamQuery(b->g.stream); }
static CUresult read_pageable(bench *b) {
  float y;
  return cuMemcpyDtoHAsync_v2(&y, b->y, sizeof y, b->g.stream);
}
static CUresult write_pageable(bench *b) {
  float y = 0;
  return cuMemcpyHtoDAsync_v2(b->y, &y, sizeof y, b->g.stream);
}
static CUresult allocate(bench *b) {
  CUdeviceptr memory;
  return cuMemAllocFromPoolAsync(&memory, 8, b->g.pool, b->g.stream);
}
static CUresult release(bench *b) { return cuMemFreeAsync(b->x, b->g.stream); }
static CUresult wait_outside(bench *b) {
  CHECK(cuEventRecord(b->fork, b->other) == 0);
  return cuStreamWaitEvent(b->g.stream, b->fork, 0);
}
static CUresult pin(bench *b) {
  void *host;
  (void)b;
  return cuMemHostAlloc(&host, 8, 0);
}
static CUresult load(bench *b) {
  CUmodule m;
  (void)b;
  return cuModuleLoadData(&m, IMAGE);
}

static void forbidden(void) {
  bench b = open_bench();
  enum { ANY_MODE, NOT_RELAXED };
  const struct {
    const char *name;
    deed run;
    int which;
    CUresult code;
  } deeds[] = {
      {"synchronise", synchronise, ANY_MODE, 900},
      {"query", query, ANY_MODE, 900},
      {"read", read_pageable, ANY_MODE, 900},
      {"write", write_pageable, ANY_MODE, 900},
      {"allocate", allocate, ANY_MODE, 900},
      {"release", release, ANY_MODE, 900},
      {"wait", wait_outside, ANY_MODE, 905},
      {"pin", pin, NOT_RELAXED, 900},
      {"load", load, NOT_RELAXED, 900},
  };
  for (size_t i = 0; i < sizeof deeds / sizeof *deeds; i++) {
    for (int mode = 0; mode <= 2; mode++) {
      CUgraph graph;
      const bool spoils = deeds[i].which == ANY_MODE || mode != CU_STREAM_CAPTURE_MODE_RELAXED;
      CHECK(cuStreamBeginCapture_v2(b.g.stream, mode) == 0);
      add(&b, b.g.stream, 1);
      const CUresult result = deeds[i].run(&b);
      CHECKF(result == (spoils ? deeds[i].code : 0), "%s gives %d", deeds[i].name, result);
      CHECK(capture_status(b.g.stream) == (spoils ? 2 : 1));
      const CUresult end = cuStreamEndCapture(b.g.stream, &graph);
      CHECKF(end == (spoils ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : 0), "%s ends with %d",
             deeds[i].name, end);
      if (end == 0) CHECK(cuGraphDestroy(graph) == 0);
    }
  }
  // A stream that goes takes its capture along.
  CHECK(cuStreamBeginCapture_v2(b.other, 1) == 0);
  add(&b, b.other, 1);
  CHECK(cuStreamDestroy_v2(b.other) == 0);
  CHECK(cuStreamCreateWithPriority(&b.other, CU_STREAM_NON_BLOCKING, 0) == 0);
  CHECK(sum_so_far(&b) == 0);
  standin_counts_t counts;
  standin_counts(&counts);
  CHECK(counts.graphs == 0);
  // What was pinned in the relaxed mode goes with the context.
  CHECK(counts.pinned_allocations == 1);
  CHECK(cuDevicePrimaryCtxRelease_v2(0) == 0);
  check_nothing_left();
}

static CUresult ended;
static void *end_it(void *value) {
  bench *b = value;
  CUgraph graph;
  cuCtxSetCurrent(b->g.context);
  ended = cuStreamEndCapture(b->g.stream, &graph);
  return NULL;
}

static void threads(void) {
  bench b = open_bench();
  CUgraph graph;
  pthread_t thread;
  CHECK(cuStreamBeginCapture_v2(b.g.stream, 1) == 0);
  CHECK(pthread_create(&thread, NULL, end_it, &b) == 0);
  CHECK(pthread_join(thread, NULL) == 0);
  CHECK(ended == 908);
  CHECK(cuStreamEndCapture(b.g.stream, &graph) == CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  close_bench(&b);
}

static const part parts[] = {
    {"replay", replay, ""},
    {"lazy_replay", replay, "STANDIN_LAZY=1"},
    {"fork_and_join", fork_and_join, ""},
    {"forbidden", forbidden, ""},
    {"threads", threads, ""},
    {0},
};

int main(int argc, char **argv) { return run_parts(parts, argc, argv); }
