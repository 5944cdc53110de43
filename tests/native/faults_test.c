// One fixed scenario on a CUDA device of the stand-in driver (allocate, copy, ops on two streams, an event, a
// graph with random numbers, a user's kernel, pinned memory, a ticket, reads), each time in a process of its own in which the
// n-th call of the driver fails: for every n, out of memory once, and two errors that lose the device.
//
// Out of memory is survived, or said by the call that needed it; then all is as if nothing had been. A lost
// device says so with the cause in every later call, lets everything be disposed, and keeps nobody waiting;
// the CPU goes on. Where the driver does not even start, the device says why.
#include "test.h"

#if defined(__linux__) && defined(__x86_64__)

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../csrc/core/isolate.h"
#include "driver/control.h"

static struct {
  _Alignas(64) char bytes[GK_BLOCK_BYTES];
} block;
#define IN_U32 ((uint32_t *)(void *)block.bytes)
#define IN_F64 ((double *)(void *)block.bytes)
#define OUT ((gk_block_output *)(void *)(block.bytes + GK_BLOCK_BYTES / 2))

enum { ROWS = 24, COLUMNS = 33, SIZE = ROWS * COLUMNS, BYTES = 4 * SIZE };
static _Alignas(64) float pinned[SIZE];

// What a child leaves for its parent.
typedef struct result {
  uint64_t opening, calls; // of the driver, until the device had its first array, and in all
  standin_counts_t before,
      counts; // when everything was disposed, before the last repetition and after
  double used; // bytes of the device in the end
  gk_status first, second; // of the scenario, and of its repetitions
  bool wrong; // a number was
  char text[400], later[400]; // the first error, and that of the device's next call
  gk_status after; // of that
  bool cpu; // the CPU computes
} result;

// How the call fails: at once, or later, when its stream gets to what it asked for.
static const struct way {
  int code;
  bool later, loses;
  const char *name; // what the cause must name
} ways[] = {{2, false, false, "OUT_OF_MEMORY"},
            {719, false, true, "LAUNCH_FAILED"},
            {719, true, true, "LAUNCH_FAILED"},
            {46, false, true, "DEVICE_UNAVAILABLE"}};
enum { WAYS = sizeof ways / sizeof *ways };
enum { PATIENCE = 60 }; // seconds after which a child hangs

static char library[4096];

static void *standin_function(const char *name) {
  void *driver = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
  return driver ? dlsym(driver, name) : NULL;
}

static uint64_t driver_calls(void) {
  uint64_t (*calls)(const char *) =
      (uint64_t (*)(const char *))(uintptr_t)standin_function("standin_calls");
  return calls ? calls(NULL) : 0;
}

static void count_things(standin_counts_t *now) {
  void (*counts)(standin_counts_t *) =
      (void (*)(standin_counts_t *))(uintptr_t)standin_function("standin_counts");
  if (counts) counts(now);
}

// ---- the scenario

typedef struct things {
  uint32_t root, scope, streams[2], event, graph, buffer, module;
} things;

// Of the call that failed last; it may not be missing.
static gk_status failure(void) { return OUT->status ? (gk_status)OUT->status : GK_ARGUMENT; }

// Leaves the scenario with the status of a call that failed.
#define TRY(call)                                                                                  \
  do {                                                                                             \
    const gk_status status_ = (gk_status)(call);                                                   \
    if (status_ != GK_OK) return status_;                                                          \
  } while (0)
// The same for a call that gives a handle.
#define MAKE(to, call)                                                                             \
  do {                                                                                             \
    if (!((to) = (call))) return failure();                                                        \
  } while (0)

static uint32_t on(uint32_t op, uint32_t stream) { return op | (stream & 0xffff) << 16; }

static gk_status from_host(const things *t, const float *data, uint32_t *array) {
  IN_F64[0] = ROWS;
  IN_F64[1] = COLUMNS;
  MAKE(*array, gk_array_from_host(t->scope, GK_float32, 2, data, BYTES));
  return GK_OK;
}

static uint32_t sum_rows(const things *t, uint32_t array, uint32_t stream) {
  IN_U32[0] = array;
  IN_U32[16] = 0;
  IN_F64[16] = 1;
  return gk_submit(t->scope, on(GK_OP_sum, stream), 1, 1, 0, 0);
}

// Indices of what is not zero; an op that needs memory to work in.
static uint32_t nonzero(const things *t, uint32_t array, int count) {
  IN_U32[0] = array;
  IN_U32[16] = 0;
  IN_F64[16] = count;
  return gk_submit(t->scope, GK_OP_nonzero, 1, 1, 0, 0);
}

static gk_status ticket(const things *t, uint32_t stream) {
  const uint32_t ring = gk_completion_ring(t->root);
  const uint32_t asked = gk_completion_request(t->scope, stream, 7);
  if (asked == 0) return failure();
  if (asked == 1) {
    gk_completion_wait(ring);
    gk_completion_drain(t->scope);
  }
  return GK_OK;
}

// Doubles the array, counts its launches, and is found in the cache on disk by all children but the first.
static gk_status users_kernel(things *t, uint32_t array, uint32_t stream, int *launches) {
  static const char source[] = "__device__ int launches;\n"
                               "extern \"C\" __global__ void twice(float *x, int n) {\n"
                               "  for (int i = threadIdx.x; i < n; i += blockDim.x) x[i] *= 2;\n"
                               "  if (threadIdx.x == 0) launches++;\n"
                               "}\0faults_test.cu\0twice";
  IN_U32[0] = 0;
  IN_U32[1] = 1;
  IN_U32[2] = 0;
  MAKE(t->module,
       gk_module_create(t->root, (uint32_t)gk_devices_find("cuda:0"), 0, source, sizeof source));
  TRY(gk_module_finish(t->root, t->module));
  for (int i = 0; i < 6; i++) IN_U32[i] = i == 3 ? 64 : 1;
  IN_U32[6] = 0;
  IN_U32[8] = GK_ARGUMENT_ARRAY;
  IN_U32[9] = array;
  IN_U32[12] = GK_ARGUMENT_NUMBER;
  IN_F64[7] = SIZE;
  TRY(gk_kernel_launch(t->scope, t->module, 0, 2, stream));
  strcpy(block.bytes, "launches");
  const double bytes = gk_module_variable(t->scope, t->module, 0, launches, sizeof *launches, 0);
  return bytes == sizeof *launches ? GK_OK : failure();
}

static gk_status scenario(things *t, result *r) {
  static float host[SIZE], read[SIZE];
  int count = 0;
  for (int i = 0; i < SIZE; i++) {
    host[i] = (float)(i % 50);
    count += i % 50 != 0;
  }
  MAKE(t->scope, gk_context_begin(t->root, 0));
  uint32_t a, b, c, d, e, sums, drawn, scaled, found, spare;
  TRY(from_host(t, host, &a));
  if (r->opening == 0) r->opening = driver_calls();
  TRY(from_host(t, host, &b));
  for (int i = 0; i < 2; i++)
    MAKE(t->streams[i], gk_stream_create(t->root, (uint32_t)gk_devices_find("cuda:0"), i));

  // On two streams, the second behind an event of the first.
  MAKE(c, gk_submit_binary(t->scope, on(GK_OP_add, t->streams[0]), a, b, 0, 0));
  MAKE(t->event, gk_stream_record(t->root, t->streams[0]));
  TRY(gk_stream_wait(t->root, t->streams[1], t->event));
  MAKE(d, gk_submit_binary(t->scope, on(GK_OP_mul, t->streams[1]), c, 0, 0, 2));
  MAKE(e, gk_submit_binary(t->scope, on(GK_OP_sub, t->streams[1]), d, a, 0, 0));
  TRY(gk_stream_synchronize(t->root, t->streams[1], -1));
  TRY(gk_array_read(t->scope, e, read, BYTES, 0));
  for (int i = 0; i < SIZE; i++) r->wrong |= read[i] != 3 * host[i];
  TRY(ticket(t, t->streams[1]));

  // A graph, launched twice, that draws other numbers each time. Where memory is short while it is made,
  // that of `spare` is given back.
  IN_U32[16] = 0;
  IN_F64[16] = 0;
  IN_F64[17] = 1;
  IN_F64[18] = 20000;
  MAKE(spare, gk_submit(t->scope, GK_OP_arange, 0, 3, 0, GK_float32));
  TRY(gk_stream_synchronize(t->root, 0, -1));
  gk_array_dispose(t->scope, spare);
  TRY(gk_graph_begin(t->scope));
  IN_U32[16] = 0;
  IN_F64[16] = 0;
  IN_F64[17] = 1;
  IN_F64[18] = 2;
  IN_F64[19] = ROWS;
  IN_F64[20] = COLUMNS;
  drawn = gk_submit(t->scope, GK_OP_random_uniform, 0, 5, 0, GK_float32);
  gk_status status = drawn ? GK_OK : failure();
  if (drawn && !(scaled = gk_submit_binary(t->scope, GK_OP_add, drawn, a, 0, 0)))
    status = failure();
  if (status == GK_OK && !(sums = sum_rows(t, scaled, 0))) status = failure();
  if (status == GK_OK && !(found = nonzero(t, a, count))) status = failure();
  if (status != GK_OK) {
    gk_graph_end(t->scope, 1);
    return status;
  }
  MAKE(t->graph, gk_graph_end(t->scope, 0));
  float launched[2][ROWS];
  for (int i = 0; i < 2; i++) {
    TRY(gk_graph_launch(t->scope, t->graph, t->streams[0]));
    TRY(gk_array_read(t->scope, sums, launched[i], sizeof launched[i], 0));
  }
  r->wrong |= memcmp(launched[0], launched[1], sizeof launched[0]) == 0;
  for (int i = 0; i < ROWS; i++) {
    float least = 0;
    for (int j = 0; j < COLUMNS; j++) least += host[i * COLUMNS + j] + 1;
    r->wrong |= !(launched[0][i] >= least && launched[0][i] <= least + COLUMNS);
  }

  int64_t indices[2][SIZE];
  TRY(gk_array_read(t->scope, found, indices, 16.0 * count, 0));
  const int64_t *rows = indices[0], *columns = rows + count;
  for (int i = 0, k = 0; i < SIZE; i++) {
    if (host[i] == 0) continue;
    r->wrong |= rows[k] != i / COLUMNS || columns[k] != i % COLUMNS;
    k++;
  }

  int launches = 0;
  TRY(users_kernel(t, d, t->streams[0], &launches));
  TRY(gk_array_read(t->scope, d, read, BYTES, 0));
  r->wrong |= launches != 1;
  for (int i = 0; i < SIZE; i++) r->wrong |= read[i] != 8 * host[i];

  // Out to pinned memory and back.
  MAKE(t->buffer, gk_buffer_register(t->root, pinned, BYTES));
  TRY(gk_buffer_copy(t->scope, t->buffer, e, (t->streams[1] & 0xffff) << 16, 0));
  TRY(gk_stream_synchronize(t->root, t->streams[1], -1));
  TRY(gk_buffer_collect(t->scope, t->buffer));
  for (int i = 0; i < SIZE; i++) r->wrong |= pinned[i] != 3 * host[i];
  TRY(gk_buffer_copy(t->scope, t->buffer, c, (t->streams[1] & 0xffff) << 16 | 1, 0));
  TRY(gk_stream_synchronize(t->root, t->streams[1], -1));
  TRY(gk_array_read(t->scope, c, read, BYTES, 0));
  for (int i = 0; i < SIZE; i++) r->wrong |= read[i] != 3 * host[i];
  return gk_stream_synchronize(t->root, 0, gk_devices_find("cuda:0"));
}

static void dispose(things *t) {
  const int device = gk_devices_find("cuda:0");
  if (device >= 0) gk_stream_synchronize(t->root, 0, device); // what is idle is used again
  if (t->buffer) gk_buffer_release(t->root, t->buffer);
  if (t->module) gk_module_dispose(t->root, t->module);
  if (t->graph) gk_graph_dispose(t->root, t->graph);
  if (t->event) gk_event_dispose(t->root, t->event);
  for (int i = 0; i < 2; i++)
    if (t->streams[i]) gk_stream_dispose(t->root, t->streams[i]);
  if (t->scope) gk_context_end(t->scope, 0, 0);
  *t = (things){.root = t->root};
}

static void keep_text(char *text, size_t bytes) {
  const int n = OUT->text_bytes;
  snprintf(text, bytes, "%.*s", n, OUT->text);
}

static bool cpu_computes(uint32_t root) {
  const uint32_t context = gk_context_begin(root, 0);
  const float data[] = {1, 2, 3};
  bool ok = gk_context_set_device(context, (uint32_t)gk_devices_find("cpu")) == GK_OK;
  IN_F64[0] = 3;
  const uint32_t a = gk_array_from_host(context, GK_float32, 1, data, sizeof data);
  const uint32_t b = gk_submit_binary(context, GK_OP_mul, a, a, 0, 0);
  float squares[3];
  ok &= b && gk_array_read(context, b, squares, sizeof squares, 0) == GK_OK && squares[2] == 9;
  gk_context_end(context, 0, 0);
  return ok;
}

// Twice the scenario, and then whether a further call fails, on a thread of its own: the isolate ends with it.
static void *child_thread(void *context) {
  result *r = context;
  things t = {.root = gk_isolate_attach(block.bytes, GK_BLOCK_BYTES)};
  r->first = scenario(&t, r);
  if (r->first != GK_OK) keep_text(r->text, sizeof r->text);
  dispose(&t);
  r->calls = driver_calls();
  r->second = scenario(&t, r);
  dispose(&t);
  count_things(&r->before);
  if (r->second == GK_OK) r->second = scenario(&t, r);
  dispose(&t);
  count_things(&r->counts);
  uint32_t array = 0;
  t.scope = t.root;
  r->after = from_host(&t, pinned, &array);
  if (r->after != GK_OK) keep_text(r->later, sizeof r->later);
  if (array) gk_array_dispose(t.root, array);
  r->cpu = cpu_computes(t.root);
  return NULL;
}

static void child(result *r, uint64_t n, const struct way *way) {
  char text[48];
  snprintf(text, sizeof text, "%llu:%d%s", (unsigned long long)n, way->code,
           way->later ? ":later" : "");
  setenv("GPUKIT_LIBCUDA", library, 1);
  setenv("GPUKIT_DEVICE", "cuda", 1);
  if (n > 0) setenv("STANDIN_FAIL", text, 1);
  setenv("STANDIN_QUIET", "1", 1);
  alarm(PATIENCE);
  pthread_t thread;
  pthread_create(&thread, NULL, child_thread, r);
  pthread_join(thread, NULL);
  const int device = gk_devices_find("cuda:0");
  if (device >= 0) {
    // Memory comes back behind what used it.
    for (int i = 0; i < 200 && atomic_load(&gk_devices[device].used) != 0; i++) usleep(10000);
    r->used = (double)atomic_load(&gk_devices[device].used);
  }
}

// Runs a child; false where it did not come to its end.
static bool run(result *shared, uint64_t n, const struct way *way, int *signal) {
  memset(shared, 0, sizeof *shared);
  fflush(NULL);
  const pid_t id = fork();
  if (id == 0) {
    child(shared, n, way);
    exit(0); // sanitizers look for leaks there
  }
  int status = 0;
  waitpid(id, &status, 0);
  *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// ---- what must hold

// Nothing is left, and repeating it all needs nothing more from the driver.
static void no_leak(const char *what, const result *r) {
  const standin_counts_t *b = &r->before, *c = &r->counts;
  CHECKF(r->used == 0, "%s: %g bytes are still in use", what, r->used);
  const struct {
    const char *name;
    uint64_t now, most;
  } counts[] = {{"graphs", c->graphs, 0},
                {"executables", c->executables, 0},
                {"registered", c->registered, 0},
                {"streams", c->streams, b->streams},
                {"events", c->events, b->events},
                {"modules", c->modules, b->modules},
                {"pools", c->pools, b->pools},
                {"contexts", c->contexts, b->contexts},
                {"pinned allocations", c->pinned_allocations, b->pinned_allocations},
                {"device allocations", c->device_allocations, b->device_allocations},
                {"device bytes", c->device_bytes, b->device_bytes}};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    CHECKF(counts[i].now <= counts[i].most, "%s: %llu %s, not %llu", what,
           (unsigned long long)counts[i].now, counts[i].name, (unsigned long long)counts[i].most);
}

static void check(const char *what, const result *r, bool opening, const struct way *way) {
  CHECKF(!r->wrong, "%s: a number is wrong", what);
  if (r->opening == 0 && r->first == GK_DEVICE) {
    // The device was not there from the start, and stays away; the reason is in the error.
    CHECKF(r->text[0] && r->second == GK_DEVICE && r->after == GK_DEVICE, "%s: %d, %d: %s", what,
           r->second, r->after, r->text);
    return;
  }
  CHECKF(r->cpu, "%s: the CPU does not compute", what);
  // What is asked of the driver before it has opened the device, or what it does at once, cannot lose it.
  const bool unharmed = (opening || way->later) && r->first == GK_OK && r->second == GK_OK;
  if (!way->loses || unharmed) {
    CHECKF(r->first == GK_OK || r->first == GK_OUT_OF_MEMORY, "%s: status %d: %s", what, r->first,
           r->text);
    CHECKF(r->second == GK_OK && r->after == GK_OK, "%s: then %d and %d: %s", what, r->second,
           r->after, r->later);
    no_leak(what, r);
    return;
  }
  CHECKF(r->first == GK_OK || r->first == GK_DEVICE_LOST, "%s: status %d: %s", what, r->first,
         r->text);
  CHECKF(r->second == GK_DEVICE_LOST && r->after == GK_DEVICE_LOST, "%s: then %d and %d: %s", what,
         r->second, r->after, r->later);
  CHECKF(strstr(r->later, way->name), "%s: no cause: %s", what, r->later);
  CHECKF(r->used == 0, "%s: %g bytes are still in use", what, r->used);
}

int main(void) {
  // Beside this program's folder, or where the environment says.
  const char *given = getenv("GPUKIT_LIBCUDA");
  const ssize_t length = readlink("/proc/self/exe", library, sizeof library - 64);
  char *slash = length > 0 ? strrchr(library, '/') : NULL;
  if (slash) strcpy(slash, "/../standin/libcuda.so");
  if (given) snprintf(library, sizeof library, "%s", given);
  char nvrtc[sizeof library + 16], folder[] = "/tmp/gpukit-faults-XXXXXX";
  snprintf(nvrtc, sizeof nvrtc, "%s", library);
  if ((slash = strrchr(nvrtc, '/'))) strcpy(slash, "/libnvrtc.so");
  setenv("GPUKIT_LIBNVRTC", nvrtc, 1);
  CHECK(mkdtemp(folder) != NULL);
  setenv("GPUKIT_CACHE_DIR", folder, 1);
  CHECKF(access(library, R_OK) == 0, "%s is not there: zig build standin", library);
  result *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int signal;
  CHECK(run(r, 0, ways, &signal));
  const result usual = *r;
  CHECKF(r->first == GK_OK && r->second == GK_OK && r->after == GK_OK && r->cpu && !r->wrong,
         "undisturbed: %d, %d, %d: %s", r->first, r->second, r->after, r->text);
  no_leak("undisturbed", r);
  if (test_failures) return test_done();

  uint64_t failures = 0;
  for (uint64_t n = 1; n <= usual.calls; n++)
    for (int k = 0; k < WAYS; k++) {
      char what[64];
      snprintf(what, sizeof what, "call %llu of %llu fails with %d%s", (unsigned long long)n,
               (unsigned long long)usual.calls, ways[k].code, ways[k].later ? " later" : "");
      const bool ended = run(r, n, &ways[k], &signal);
      CHECKF(ended, "%s: ended by signal %d%s", what, signal,
             signal == SIGALRM ? ": it hangs" : "");
      if (ended) check(what, r, n <= usual.opening, &ways[k]);
      failures++;
    }
  snprintf(nvrtc, sizeof nvrtc, "rm -rf %s", folder);
  CHECK(system(nvrtc) == 0);
  printf("%llu failures in %llu calls of the driver\n", (unsigned long long)failures,
         (unsigned long long)usual.calls);
  return test_done();
}

#else

int main(void) {
  printf("the stand-in driver is for Linux on x86-64\n");
  CHECK(true);
  return test_done();
}

#endif
