// The CPU device: its table of functions. It is always there, alone, as "cpu".
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../core/device.h"
#include "cpu.h"
#include "elementwise.h"
#include "fft.h"
#include "stream.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif

// ---- memory

#define HUGE_PAGE ((int64_t)2 << 20)

static void *allocate(gk_device *device, int64_t bytes, gk_stream *stream) {
  (void)device, (void)stream;
#if defined(_WIN32)
  return _aligned_malloc((size_t)bytes, 64);
#else
  if (bytes < HUGE_PAGE) {
    void *p;
    return posix_memalign(&p, 64, (size_t)bytes) == 0 ? p : NULL;
  }
  // Straight from the system, so that a block given back is truly given back.
  void *p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return NULL;
#if defined(MADV_HUGEPAGE)
  madvise(p, (size_t)bytes, MADV_HUGEPAGE); // fewer page faults, the larger part of a first write
#endif
  return p;
#endif
}

static void release(gk_device *device, void *memory, int64_t bytes) {
  (void)device;
#if defined(_WIN32)
  (void)bytes;
  _aligned_free(memory);
#else
  if (bytes < HUGE_PAGE)
    free(memory);
  else
    munmap(memory, (size_t)bytes);
#endif
}

// What the machine has, or the container that the process runs in may use.
static int64_t physical_memory(void) {
#if defined(_WIN32)
  MEMORYSTATUSEX status = {.dwLength = sizeof status};
  return GlobalMemoryStatusEx(&status) ? (int64_t)status.ullTotalPhys : (int64_t)1 << 40;
#else
  long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
  int64_t bytes = pages > 0 && page > 0 ? (int64_t)pages * page : (int64_t)1 << 40;
  FILE *file = fopen("/sys/fs/cgroup/memory.max", "r"); // "max" where there is no limit
  double most;
  if (file && fscanf(file, "%lf", &most) == 1 && most > 0 && most < (double)bytes)
    bytes = (int64_t)most;
  if (file) fclose(file);
  return bytes;
#endif
}

// ---- ops

typedef gk_status (*family_fn)(const gk_call *, gk_error *);
static const family_fn families[GK_FAMILY_COUNT] = {
    [GK_FAMILY_ELEMENTWISE] = gk_cpu_elementwise,
    [GK_FAMILY_REDUCE] = gk_cpu_reduce,
    [GK_FAMILY_SCAN] = gk_cpu_scan,
    [GK_FAMILY_MATMUL] = gk_cpu_matmul,
    [GK_FAMILY_INDEX] = gk_cpu_index,
    [GK_FAMILY_SORT] = gk_cpu_sort,
    [GK_FAMILY_COPY] = gk_cpu_copy,
    [GK_FAMILY_CREATE] = gk_cpu_create,
    [GK_FAMILY_RANDOM] = gk_cpu_random,
    [GK_FAMILY_FFT] = gk_cpu_fft,
};

static gk_status run(gk_stream *stream, const gk_call *call, gk_error *error) {
  (void)stream;
  return families[call->family](call, error);
}

// Nanoseconds an element, a rough upper half of what AVX2 reaches on one core: only the order
// of magnitude matters, since it decides between running at once and waking a thread.
static double estimate(const gk_call *call) {
  double n = (double)call->size;
  switch ((gk_family)call->family) {
  case GK_FAMILY_MATMUL: {
    const gk_view *a = call->in[0];
    double k = (double)a->shape[a->ndim - 1];
    int class = gk_dtypes[call->compute].class;
    return n * k * (class == GK_CLASS_FLOAT ? 0.02 : class == GK_CLASS_COMPLEX ? 0.1 : 0.5) + 100;
  }
  case GK_FAMILY_SORT:
    if (call->op == GK_OP_topk) return n + 50.0 * (double)call->out[0]->size;
    return n * (call->op == GK_OP_searchsorted ? 20 : 8);
  case GK_FAMILY_INDEX:
    return n * (call->op == GK_OP_compress ? 0.7 : call->op == GK_OP_scatter_add ? 4 : 1.5);
  case GK_FAMILY_SCAN:
    return n * 1.0;
  case GK_FAMILY_RANDOM:
    return n * (call->op == GK_OP_random_normal ? 1.5 : 0.5);
  case GK_FAMILY_FFT:
    return n / call->f[0] * gk_fft_cost((int64_t)call->f[0]);
  case GK_FAMILY_ELEMENTWISE: {
    bool heavy = gk_elementwise_is_function(call->op);
    double item = gk_dtypes[call->compute].size;
    return n * item * (heavy ? (call->compute == GK_float64 ? 2 : 0.25) : 0.08);
  }
  case GK_FAMILY_REDUCE: {
    bool power = call->op == GK_OP_norm && call->f[0] != 2; // may be pow
    return n * (power ? 10 : call->op == GK_OP_logsumexp ? 2 : 0.4);
  }
  default:
    return n * 0.4;
  }
}

static gk_view host_view(const gk_view *like, const void *host, gk_storage *storage) {
  gk_view v = *like;
  memset(storage, 0, sizeof *storage);
  storage->data = (void *)(uintptr_t)host;
  storage->bytes = gk_view_bytes(like);
  v.storage = storage;
  v.offset = 0;
  gk_view_make_contiguous(&v);
  return v;
}

static gk_status copy(const gk_view *from, const gk_view *to, gk_error *error) {
  gk_call call = gk_copy_call(from, to);
  return gk_cpu_copy(&call, error);
}

static gk_status copy_out(gk_stream *stream, const gk_view *v, void *host, gk_error *error) {
  (void)stream;
  gk_storage storage;
  gk_view to = host_view(v, host, &storage);
  return copy(v, &to, error);
}

static gk_status copy_in(gk_stream *stream, const gk_view *v, const void *host, gk_error *error) {
  (void)stream;
  gk_storage storage;
  gk_view from = host_view(v, host, &storage);
  if (v->dtype == GK_bool) from.dtype = GK_uint8; // any byte but 0 becomes 1
  return copy(&from, v, error);
}

// ---- description

static void processor_name(char *name, size_t bytes) {
  snprintf(name, bytes, "CPU");
#if defined(__x86_64__)
  unsigned words[12], highest = __get_cpuid_max(0x80000000, NULL);
  if (highest < 0x80000004) return;
  for (unsigned i = 0; i < 3; i++)
    __get_cpuid(0x80000002 + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2],
                &words[4 * i + 3]);
  char text[sizeof words + 1];
  memcpy(text, words, sizeof words);
  text[sizeof words] = 0;
  const char *start = text;
  while (*start == ' ') start++;
  if (*start) snprintf(name, bytes, "%s", start);
#elif defined(__APPLE__)
  size_t size = bytes;
  sysctlbyname("machdep.cpu.brand_string", name, &size, NULL, 0);
#endif
  for (char *p = name; *p; p++)
    if ((unsigned char)*p < 32) *p = ' '; // the text it goes into has tabs and lines
}

static void describe(gk_device *device, char *text, int bytes) {
  char name[64];
  processor_name(name, sizeof name);
  snprintf(text, (size_t)bytes, "name\t%s\nisa\t%s\nthreads\t%d\nmemory\t%.0f\nlimit\t%.0f\n", name,
           gk_cpu_isa_name(gk_cpu_isa), gk_parallel_threads(), (double)physical_memory(),
           (double)device->limit);
}

static bool open_device(gk_device *device, gk_error *error) {
  (void)device, (void)error;
  return true;
}

static const gk_device_api api = {
    .kind = "cpu",
    .host_memory = true,
    .open = open_device,
    .allocate = allocate,
    .release = release,
    .estimate = estimate,
    .run = run,
    .copy_out = copy_out,
    .copy_in = copy_in,
    .stream_open = gk_cpu_stream_open,
    .stream_close = gk_cpu_stream_close,
    .stream_enqueue = gk_cpu_stream_enqueue,
    .stream_wait = gk_cpu_stream_wait,
    .describe = describe,
};

uint32_t gk_cpu_devices(gk_device *first, uint32_t room) {
  if (room == 0) return 0;
  gk_cpu_isa_initialize();
  if (gk_cpu_isa_problem()) gk_devices_refuse(gk_cpu_isa_problem());
  if (gk_parallel_problem()) gk_devices_refuse(gk_parallel_problem());
  first->api = &api;
  first->loops = gk_elementwise()->loop;
  snprintf(first->name, sizeof first->name, "cpu");
  first->limit = physical_memory() / 5 * 4; // the rest of the process lives on the rest
  return 1;
}
