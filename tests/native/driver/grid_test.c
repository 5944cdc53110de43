// The part of the stand-in that runs kernels, without the driver: right kernels give their results in
// every order of threads, in the plain and in the checked build; wrong ones are found, each by its own
// finding; the process goes on, and its own faults stay its own. "measure" as argument: what launches, threads and waits cost.

#include "../test.h"
#include "grid.h"
#include "kernels_test.h"

#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// ---- memory: what the driver would know

enum { MAX_ALLOCATIONS = 8, PAGE = 4096 };
static struct {
  char *map;
  size_t mapped, bytes;
  uintptr_t base;
} allocations[MAX_ALLOCATIONS];

int standin_memory_find(uintptr_t address, uintptr_t *base, size_t *bytes) {
  for (int i = 0; i < MAX_ALLOCATIONS; i++) {
    if (!allocations[i].map || address - allocations[i].base >= allocations[i].bytes) continue;
    *base = allocations[i].base;
    *bytes = allocations[i].bytes;
    return 1;
  }
  return 0;
}

// Ends at a page that faults, but for what makes its beginning a multiple of 16.
static void *allocate(size_t bytes) {
  int i = 0;
  while (allocations[i].map) i++;
  const size_t whole = (bytes + PAGE - 1) / PAGE * PAGE;
  char *map = mmap(NULL, whole + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(map + whole, PAGE, PROT_NONE);
  allocations[i].map = map;
  allocations[i].mapped = whole + PAGE;
  allocations[i].bytes = bytes;
  allocations[i].base = (uintptr_t)(map + whole - (bytes + 15) / 16 * 16);
  return (void *)allocations[i].base;
}

static void release_all(void) {
  for (int i = 0; i < MAX_ALLOCATIONS; i++) {
    if (allocations[i].map) munmap(allocations[i].map, allocations[i].mapped);
    allocations[i].map = NULL;
  }
}

// ---- launches

static void *library_handle;
static int checked;

static const standin_kernel *find(const char *name) {
  char symbol[128];
  snprintf(symbol, sizeof symbol, "standin_kernel_%s", name);
  const standin_kernel *kernel = dlsym(library_handle, symbol);
  CHECKF(kernel != NULL, "no kernel %s", name);
  return kernel;
}

static int launch_shared(const standin_kernel *kernel, standin_size blocks, standin_size threads,
                         uint32_t shared_bytes, kernel_arguments arguments) {
  if (!kernel) return -1;
  _Alignas(16) kernel_arguments copy = arguments;
  void *parameters[] = {&copy};
  const standin_launch l = {kernel, blocks, threads, shared_bytes, parameters};
  return standin_grid_run(&l);
}
static int launch(const standin_kernel *kernel, standin_size blocks, standin_size threads,
                  kernel_arguments arguments) {
  return launch_shared(kernel, blocks, threads, 0, arguments);
}

static standin_size size1(uint32_t x) { return (standin_size){x, 1, 1}; }
static standin_size size2(uint32_t x, uint32_t y) { return (standin_size){x, y, 1}; }

static void succeed(const char *name, standin_size blocks, standin_size threads,
                    kernel_arguments arguments) {
  const int result = launch(find(name), blocks, threads, arguments);
  CHECKF(result == 0, "%s: %d, %s", name, result, standin_report());
}

// ---- right kernels

static void test_elements(void) {
  enum { N = 1000 };
  float *in = allocate(N * sizeof *in), *out = allocate(N * sizeof *out);
  for (int i = 0; i < N; i++) {
    in[i] = (float)i;
    out[i] = 1;
  }
  succeed("test_saxpy", size1(8), size1(128), (kernel_arguments){in, out, NULL, N, 2});
  for (int i = 0; i < N; i++) CHECKF(out[i] == 2.0f * (float)i + 1, "saxpy %d: %g", i, out[i]);
  unsigned char *bytes = allocate(N);
  succeed("test_bytes", size2(1, 1), size1(1000),
          (kernel_arguments){.counts = (int *)bytes, .n = N});
  for (int i = 0; i < N; i++) CHECKF(bytes[i] == (unsigned char)i, "byte %d: %d", i, bytes[i]);
  release_all();
}

static void test_reductions(void) {
  enum { N = 5000 };
  float *in = allocate(N * sizeof *in), *out = allocate(16 * sizeof *out);
  int *counts = allocate(1024 * sizeof *counts);
  for (int i = 0; i < N; i++) in[i] = (float)(i % 64);
  succeed("test_sum", size1(7), size1(256), (kernel_arguments){in, out, NULL, N, 0});
  double sum = 0, wanted = 0;
  for (int i = 0; i < 7; i++) sum += out[i];
  for (int i = 0; i < N; i++) wanted += in[i];
  CHECKF(sum == wanted, "sum %g, not %g", sum, wanted);

  memset(counts, 0, 16 * sizeof *counts);
  succeed("test_histogram", size1(3), size1(128), (kernel_arguments){in, NULL, counts, N, 0});
  for (int i = 0; i < 16; i++) {
    int bin = 0;
    for (int k = 0; k < N; k++) bin += ((int)in[k] & 15) == i;
    CHECKF(counts[i] == bin, "bin %d: %d, not %d", i, counts[i], bin);
  }

  for (int i = 0; i < 1000; i++) counts[i] = i % 7;
  succeed("test_scan", size1(1), size1(1024), (kernel_arguments){.counts = counts, .n = 1000});
  for (int i = 0, running = 0; i < 1000; i++) {
    running += i % 7;
    CHECKF(counts[i] == running, "scan %d: %d, not %d", i, counts[i], running);
  }

  counts[0] = 0;
  succeed("test_last_block", size1(9), size1(64), (kernel_arguments){NULL, out, counts, 0, 0});
  CHECKF(out[0] == 45, "the last block: %g", out[0]);
  release_all();
}

static void test_matmul(void) {
  enum { N = 48 };
  float *in = allocate(N * N * sizeof *in), *out = allocate(N * N * sizeof *out);
  for (int i = 0; i < N * N; i++) in[i] = (float)(i * 7 % 11);
  succeed("test_matmul", size2(3, 3), size2(16, 16), (kernel_arguments){in, out, NULL, N, 0});
  for (int row = 0; row < N; row++) {
    for (int column = 0; column < N; column++) {
      float sum = 0;
      for (int k = 0; k < N; k++) sum += in[row * N + k] * in[k * N + column];
      const float got = out[row * N + column];
      CHECKF(got == sum, "matmul (%d, %d): %g, not %g", row, column, got, sum);
    }
  }
  release_all();
}

static void test_warps(void) {
  int *counts = allocate(256 * sizeof *counts);
  const kernel_arguments a = {.counts = counts, .n = 200};
  succeed("test_groups", size1(1), size1(64), a);
  for (int i = 0; i < 64; i++) {
    const int lane = i & 31;
    const int value = lane < 16 ? lane ^ 2 : lane < 24 ? 200 : (int)0xaa000000u;
    const int source = lane < 16 ? lane ^ 1 ^ 3 : lane;
    CHECKF(counts[i] == (lane < 16 ? source : value) + 31, "group %d: %d", i, counts[i]);
  }
  succeed("test_early_return", size1(1), size1(256), a);
  for (int i = 0; i < 200; i++) CHECKF(counts[i] == 100, "early return %d: %d", i, counts[i]);
  succeed("test_warp_exchange", size1(1), size1(32), a);
  for (int i = 0; i < 32; i++) {
    CHECKF(counts[i] == 31 - ((i + 1) & 31), "exchange %d: %d", i, counts[i]);
  }
  succeed("test_shim", size1(1), size1(32), a);
  CHECKF(counts[0] == 1, "shim.h: 0x%x", (unsigned)counts[0]);
  release_all();
}

static void test_places(void) {
  enum { N = 4 * 3 * 5, BLOCKS = 2 * 3 * 2 };
  const standin_size blocks = {2, 3, 2}, threads = {4, 3, 5};
  const standin_kernel *kernel = find("test_places");
  int *counts = allocate(N * BLOCKS * sizeof *counts);
  const kernel_arguments a = {.counts = counts, .n = N};
  const int result = launch_shared(kernel, blocks, threads, N * sizeof(int), a);
  CHECKF(result == 0, "places: %d, %s", result, standin_report());
  for (int i = 0; i < N * BLOCKS; i++) {
    const int wanted = i / N * N + (N - 1 - i % N);
    CHECKF(counts[i] == wanted, "place %d: %d, not %d", i, counts[i], wanted);
  }
  const int less = launch_shared(kernel, blocks, threads, (N - 4) * sizeof(int), a);
  CHECKF(less == 700, "too little shared memory: %d, %s", less, standin_report());
  release_all();
}

// Grids on several threads at once, each with shared memory of its own.
static void *sum_often(void *into) {
  const kernel_arguments *a = into;
  for (int i = 0; i < 50; i++) {
    launch(find("test_sum"), size1(1), size1(256), *a);
    if (a->out[0] != (float)a->n) return into;
  }
  return NULL;
}

static void test_threads(void) {
  enum { N = 700, THREADS = 4 };
  pthread_t threads[THREADS];
  kernel_arguments arguments[THREADS];
  float *in = allocate(N * sizeof *in);
  for (int i = 0; i < N; i++) in[i] = 1;
  for (int i = 0; i < THREADS; i++) {
    arguments[i] = (kernel_arguments){in, allocate(16), NULL, N - i, 0};
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_create(&threads[i], NULL, sum_often, &arguments[i]);
  }
  for (int i = 0; i < THREADS; i++) {
    void *wrong;
    pthread_join(threads[i], &wrong);
    CHECKF(!wrong, "thread %d: %g", i, arguments[i].out[0]);
  }
  release_all();
}

// ---- faults that are not a kernel's

static sigjmp_buf after_fault;
static volatile sig_atomic_t faults;

static void on_own_fault(int number) {
  (void)number;
  faults++;
  siglongjmp(after_fault, 1);
}

// A handler that was there before the first launch still gets what is no kernel's.
static void test_handlers(void) {
  release_all();
  const int before = faults;
  char *gone = allocate(16);
  const uintptr_t address = allocations[0].base + PAGE; // the page behind
  CHECK(gone != NULL && launch(find("test_far"), size1(2), size1(64),
                               (kernel_arguments){.counts = (int *)gone}) != 0);
  CHECK(faults == before);
  if (sigsetjmp(after_fault, 1) == 0) *(volatile char *)address = 1;
  CHECK(faults == before + 1);
  release_all();
}

// ---- wrong kernels

typedef struct wrong_kernel {
  const char *name;
  uint32_t blocks, x, y;
  int n;
  int result; // of the checked build
  int plain; // of the plain build; -1: it may go either way
  const char *text[2]; // what the finding of the checked build says
} wrong_kernel;

static const wrong_kernel wrong_kernels[] = {
    {"test_missing_barrier", 4, 16, 16, 32, 719, -1, {"race", "shared"}},
    {"test_shared_race", 1, 256, 1, 0, 719, -1, {"race", "shared slots"}},
    {"test_global_race", 2, 64, 1, 0, 719, -1, {"race", "global"}},
    {"test_block_race", 2, 1, 1, 0, 719, -1, {"race", "global"}},
    {"test_warp_race", 1, 32, 1, 0, 719, -1, {"race", "shared slots"}},
    {"test_read_write_race", 1, 64, 1, 0, 719, -1, {"race", "shared slot"}},
    {"test_uninitialised", 1, 256, 1, 0, 719, -1, {"never written", "shared half"}},
    {"test_beyond_global", 1, 256, 1, 128, 700, -1, {"out of bounds", "512"}},
    {"test_beyond_shared", 1, 64, 1, 1, 719, -1, {"out of bounds", "shared first"}},
    {"test_beyond_shared", 1, 64, 1, 0, 719, -1, {"out of bounds", "shared second"}},
    {"test_far", 2, 64, 1, 0, 700, 700, {"address", "test_far"}},
    {"test_divide", 1, 32, 1, 7, 719, 719, {"division", "thread (5, 0, 0)"}},
    {"test_misaligned", 1, 8, 1, 0, 716, -1, {"misaligned", "16"}},
    {"test_divergent_barrier", 1, 64, 1, 0, 719, 719, {"different barriers", "test_divergent"}},
    {"test_deadlock", 1, 64, 1, 0, 719, 719, {"deadlock", "test_deadlock"}},
    {"test_mask", 1, 64, 1, 0, 719, 719, {"mask", "test_mask"}},
    {"test_shift", 1, 64, 1, 16, 719, -1, {"shift", "kernels_test.cu"}},
    {"test_float_to_int", 1, 32, 1, 0, 719, -1, {"conversion", "kernels_test.cu"}},
    {"test_deep", 1, 1, 1, 0, 719, 719, {"stack", "test_deep"}},
};

static void test_wrong(const wrong_kernel *w) {
  float *in = allocate(32 * 32 * sizeof *in), *out = allocate(32 * 32 * sizeof *out);
  int *counts = allocate(128 * sizeof *counts + (strcmp(w->name, "test_beyond_global") ? 4096 : 0));
  for (int i = 0; i < 32 * 32; i++) in[i] = (float)i;
  const int grid_x = w->y > 1 ? 2 : (int)w->blocks;
  const standin_size blocks = size2((uint32_t)grid_x, w->blocks / (uint32_t)grid_x);
  const int result = launch(find(w->name), blocks, size2(w->x, w->y),
                            (kernel_arguments){in, out, counts, w->n, 1});
  const int wanted = checked ? w->result : w->plain;
  if (wanted >= 0) {
    CHECKF(result == wanted, "%s: %d, not %d, %s", w->name, result, wanted, standin_report());
  }
  for (int i = 0; checked && i < 2; i++) {
    CHECKF(strstr(standin_report(), w->text[i]) != NULL, "%s: no \"%s\" in: %s", w->name,
           w->text[i], standin_report());
  }
  if (getenv("VERBOSE")) fprintf(stderr, "%d  %s\n", result, standin_report());
  release_all();
}

static void run_all(void) {
  signal(SIGSEGV, on_own_fault);
  for (int round = 0; round < 2; round++) {
    test_elements();
    test_reductions();
    test_matmul();
    test_warps();
    test_places();
    test_threads();
    test_handlers();
    for (size_t i = 0; i < sizeof wrong_kernels / sizeof *wrong_kernels; i++) {
      test_wrong(&wrong_kernels[i]);
    }
  }
}

// ---- costs

static double seconds_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Nanoseconds a launch, the best of some rounds.
static double cost(const char *name, uint32_t blocks, uint32_t threads, int n) {
  enum { N = 1 << 16 };
  float *in = allocate(N * sizeof *in), *out = allocate(N * sizeof *out);
  int *counts = allocate(N * sizeof *counts);
  const kernel_arguments a = {in, out, counts, n, 0};
  const standin_kernel *kernel = find(name);
  double best = 1e30;
  for (int round = 0; round < 5; round++) {
    int launches = 0;
    const double began = seconds_now();
    while (seconds_now() - began < 0.05) {
      for (int i = 0; i < 16; i++, launches++) launch(kernel, size1(blocks), size1(threads), a);
    }
    best = fmin(best, (seconds_now() - began) / launches);
  }
  release_all();
  return 1e9 * best;
}

static void measure(void) {
  const double one = cost("test_empty", 1, 1, 0), many = cost("test_empty", 1000, 256, 0);
  printf("a launch of one thread:  %.0f ns\n", one);
  printf("a thread that never waits: %.2f ns\n", many / 256000);
  const double first = cost("test_barriers", 1, 256, 1), more = cost("test_barriers", 1, 256, 101);
  printf("a barrier of 256 threads: the first %.1f us, each more %.2f us, %.1f ns a thread\n",
         first / 1e3, (more - first) / 1e5, (more - first) / 100 / 256);
  const double some = cost("test_barriers", 1, 1024, 1), all = cost("test_barriers", 1, 1024, 101);
  printf("a barrier of 1024 threads: the first %.1f us, each more %.2f us\n", some / 1e3,
         (all - some) / 1e5);
  const double few = cost("test_shuffles", 1, 256, 1), lots = cost("test_shuffles", 1, 256, 101);
  printf("a shuffle: %.1f ns a thread\n", (lots - few) / 100 / 256);
  const double elements = cost("test_saxpy", 256, 256, 1 << 16);
  printf("saxpy: %.1f ns an element\n", elements / (1 << 16));
}

// ---- the orders of threads, each in a process of its own: settings are read once

static void in_process(const char *library, const char *order, int measuring) {
  int channel[2];
  if (pipe(channel) != 0) exit(1);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    test_checks = test_failures = 0;
    setenv("STANDIN_ORDER", order, 1);
    library_handle = dlopen(library, RTLD_NOW);
    CHECKF(library_handle != NULL, "%s", dlerror());
    checked = strstr(library, "checked") != NULL;
    if (library_handle && measuring) {
      printf("%s, %s\n", checked ? "checked" : "plain", order);
      measure();
    } else if (library_handle) {
      run_all();
    }
    const int counts[2] = {test_checks, test_failures};
    if (write(channel[1], counts, sizeof counts) != (ssize_t)sizeof counts) exit(1);
    fflush(stdout);
    _exit(0);
  }
  close(channel[1]);
  int counts[2] = {0, 0};
  const ssize_t got = read(channel[0], counts, sizeof counts);
  close(channel[0]);
  int status = 0;
  waitpid(child, &status, 0);
  test_checks += counts[0];
  test_failures += counts[1];
  CHECKF(got == (ssize_t)sizeof counts && status == 0, "%s, %s: ended with 0x%x", library, order,
         (unsigned)status);
  if (counts[1]) fprintf(stderr, "in %s, %s order\n", library, order);
}

int main(int count, char **arguments) {
  const int measuring = count > 1 && strcmp(arguments[1], "measure") == 0;
  static const char *const libraries[] = {"libkernels_test.so", "libkernels_test_checked.so"};
  static const char *const orders[] = {"forward", "reverse", "random"};
  const char *slash = strrchr(arguments[0], '/');
  const int folder = slash ? (int)(slash - arguments[0]) : 1;
  for (int i = 0; i < 2; i++) {
    char path[4096];
    snprintf(path, sizeof path, "%.*s/%s", folder, slash ? arguments[0] : ".", libraries[i]);
    for (int k = 0; k < 3; k++) in_process(path, orders[k], measuring);
  }
  return test_done();
}
