// The CUDA devices: found once, opened by their first use, described, and lost for good with the first
// error that the driver does not recover from.
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "images.h"
#include "nvml.h"
#include "runtime.h"

static char why_none[512];
const char *gk_cuda_problem(void) { return why_none; }

// ---- results

const char *gk_cuda_result_name(CUresult result) {
  const char *name = NULL;
  if (gk_cu.cuGetErrorName) gk_cu.cuGetErrorName(result, &name);
  return name ? name : "an unknown error";
}

// After these the driver answers every call of the context, or of the process, with the same error.
static bool is_sticky(CUresult result) {
  switch (result) {
  case CUDA_ERROR_NOT_INITIALIZED:
  case CUDA_ERROR_DEINITIALIZED:
  case CUDA_ERROR_DEVICE_UNAVAILABLE:
  case CUDA_ERROR_ECC_UNCORRECTABLE:
  case CUDA_ERROR_NVLINK_UNCORRECTABLE:
  case CUDA_ERROR_CONTAINED:
  case CUDA_ERROR_ILLEGAL_ADDRESS:
  case CUDA_ERROR_LAUNCH_TIMEOUT:
  case CUDA_ERROR_CONTEXT_IS_DESTROYED:
  case CUDA_ERROR_ASSERT:
  case CUDA_ERROR_HARDWARE_STACK_ERROR:
  case CUDA_ERROR_ILLEGAL_INSTRUCTION:
  case CUDA_ERROR_MISALIGNED_ADDRESS:
  case CUDA_ERROR_INVALID_ADDRESS_SPACE:
  case CUDA_ERROR_INVALID_PC:
  case CUDA_ERROR_LAUNCH_FAILED:
  case CUDA_ERROR_TENSOR_MEMORY_LEAK:
  case CUDA_ERROR_MPS_CLIENT_TERMINATED:
  case CUDA_ERROR_EXTERNAL_DEVICE:
  case CUDA_ERROR_UNKNOWN:
    return true;
  default:
    return false;
  }
}

// The launches of a stream that may be at fault: those since it was last known to be well.
static int suspects(gk_cuda_stream *q, char *text, int bytes) {
  uint64_t launched = atomic_load(&q->launched), known = atomic_load(&q->launched_known);
  if (launched == known || bytes <= 0) return 0;
  int n = q->base->handle
              ? snprintf(text, (size_t)bytes, "; on stream %u", q->base->handle & 0xffff)
              : snprintf(text, (size_t)bytes, "; on a default stream");
  n += n < bytes ? snprintf(text + n, (size_t)(bytes - n), " since it was last waited for:") : 0;
  uint64_t from = launched - known > GK_RECENT ? launched - GK_RECENT : known;
  if (from > known && n < bytes) n += snprintf(text + n, (size_t)(bytes - n), " ...,");
  for (uint64_t i = from; i < launched && n < bytes; i++) {
    const gk_kernel *kernel = atomic_load(&q->recent[i % GK_RECENT].kernel);
    n +=
        snprintf(text + n, (size_t)(bytes - n), "%s %s (%s)", i > from ? "," : "",
                 gk_op_name(atomic_load(&q->recent[i % GK_RECENT].op)), kernel ? kernel->name : "");
  }
  return n;
}

gk_status gk_cuda_fail(gk_cuda_device *d, gk_stream *stream, CUresult result, const char *doing,
                       gk_error *error) {
  const char *name = gk_cuda_result_name(result);
  if (result == CUDA_ERROR_OUT_OF_MEMORY)
    return gk_error_set(error, GK_OUT_OF_MEMORY,
                        "%s: %s has no memory left (%s): arrays use %.0f bytes, %.0f are kept for "
                        "reuse, and the limit is %.0f",
                        doing, d->base->name, name, (double)atomic_load(&d->base->used),
                        (double)atomic_load(&d->base->cached), (double)d->base->limit);
  if (!is_sticky(result))
    return gk_error_set(error, GK_DEVICE, "%s: %s answered %s (%d)", doing, d->base->name, name,
                        result);
  return gk_cuda_lose(d, stream, result, doing, error);
}

gk_status gk_cuda_lose(gk_cuda_device *d, gk_stream *stream, CUresult result, const char *doing,
                       gk_error *error) {
  const char *name = gk_cuda_result_name(result);
  gk_mutex_lock(&d->lock);
  if (!atomic_load(&d->lost)) {
    // On the stream where it was found, or on any where the call was none of a stream's.
    char launched[320] = "";
    int n = 0, room = sizeof launched;
    for (gk_cuda_stream *q = d->streams; q && n < room; q = q->next)
      if (!stream || q == gk_cuda_stream_of(stream)) n += suspects(q, launched + n, room - n);
    gk_error_set(&d->cause, GK_DEVICE_LOST,
                 "%s is lost, and nothing runs on it until the process is started again: %s (%d), "
                 "found by %s%s",
                 d->base->name, name, result, doing, launched);
    d->cause.device = d->base->index;
    atomic_store(&d->lost, 1);
  }
  gk_mutex_unlock(&d->lock);
  gk_cuda_release_waiters(d);
  *error = d->cause;
  return GK_DEVICE_LOST;
}

static const gk_error *lost(gk_device *device) {
  gk_cuda_device *d = gk_cuda_of(device);
  return atomic_load(&d->lost) ? &d->cause : NULL;
}

gk_status gk_cuda_enter(gk_cuda_device *d, gk_error *error) {
  if (atomic_load_explicit(&d->lost, memory_order_acquire)) {
    *error = d->cause;
    return GK_DEVICE_LOST;
  }
  CUresult result = gk_cu.cuCtxSetCurrent(d->context);
  // What must be undone goes through here too: a shortage that passes leaves nothing behind.
  if (result == CUDA_ERROR_OUT_OF_MEMORY) result = gk_cu.cuCtxSetCurrent(d->context);
  return result == CUDA_SUCCESS ? GK_OK : gk_cuda_fail(d, NULL, result, "cuCtxSetCurrent", error);
}

// ---- records of faults

static bool add_fault_page(gk_cuda_device *d) {
  gk_fault_page *page = calloc(1, sizeof *page);
  void *host = NULL;
  CUdeviceptr device = 0;
  if (page &&
      gk_cu.cuMemHostAlloc(&host, GK_FAULT_SLOTS * sizeof(gk_fault_record),
                           CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP) == CUDA_SUCCESS) {
    if (gk_cu.cuMemHostGetDevicePointer_v2(&device, host, 0) == CUDA_SUCCESS) {
      memset(host, 0, GK_FAULT_SLOTS * sizeof(gk_fault_record));
      page->host = host;
      page->device = (gk_fault_record *)(uintptr_t)device;
      page->next = d->faults;
      d->faults = page;
      return true;
    }
    gk_cu.cuMemFreeHost(host);
  }
  free(page);
  return false;
}

bool gk_cuda_take_fault_slot(gk_cuda_device *d, gk_fault_slot *slot) {
  gk_mutex_lock(&d->lock);
  gk_fault_page *page = d->faults;
  while (page && page->used == GK_FAULT_SLOTS) page = page->next;
  bool ok = page || add_fault_page(d);
  if (ok) {
    if (!page) page = d->faults;
    int i = __builtin_ctzll(~page->taken);
    page->taken |= (uint64_t)1 << i;
    page->used++;
    *slot = (gk_fault_slot){page->host + i, page->device + i, page};
    memset(slot->host, 0, sizeof *slot->host);
  }
  gk_mutex_unlock(&d->lock);
  return ok;
}

void gk_cuda_give_fault_slot(gk_cuda_device *d, const gk_fault_slot *slot) {
  if (!slot->page) return;
  gk_mutex_lock(&d->lock);
  slot->page->taken &= ~((uint64_t)1 << (slot->host - slot->page->host));
  slot->page->used--;
  gk_mutex_unlock(&d->lock);
}

static void collect(gk_stream *stream, gk_fault_record *record) {
  volatile gk_fault_record *seen = record; // the device writes it
  if (!seen->raised) return;
  gk_error error;
  char text[32];
  snprintf(text, sizeof text, seen->op & GK_FAULT_UNSIGNED ? "index %" PRIu64 : "index %" PRId64,
           seen->index);
  gk_error_index(&error, (uint16_t)seen->op, seen->op & GK_FAULT_VARIANT, text, seen->axis,
                 seen->length);
  seen->raised = 0;
  gk_stream_set_fault(stream, GK_FAULT_INDEX, &error);
}

void gk_cuda_collect_faults(gk_stream *stream, bool all_done) {
  gk_cuda_stream *q = gk_cuda_stream_of(stream);
  gk_mutex_lock(&q->lock); // each is raised once
  collect(stream, q->fault.host);
  for (int i = 0; i < q->watched_count; i++) collect(stream, q->watched[i]);
  if (all_done) q->watched_count = 0;
  gk_mutex_unlock(&q->lock);
}

void gk_cuda_watch_fault(gk_cuda_stream *q, gk_fault_record *record) {
  gk_mutex_lock(&q->lock);
  int i = 0;
  while (i < q->watched_count && q->watched[i] != record) i++;
  // With more graphs than places the oldest one's error waits for its next launch.
  if (i == GK_WATCHED) memmove(q->watched, q->watched + 1, --i * sizeof *q->watched);
  q->watched[i] = record;
  if (i >= q->watched_count) q->watched_count = i + 1;
  gk_mutex_unlock(&q->lock);
}

void gk_cuda_forget_fault(gk_cuda_device *d, gk_fault_record *record) {
  gk_mutex_lock(&d->lock);
  gk_cuda_stream *q = d->streams;
  gk_mutex_unlock(&d->lock);
  for (; q; q = q->next) {
    gk_mutex_lock(&q->lock);
    for (int i = 0; i < q->watched_count; i++)
      if (q->watched[i] == record) {
        collect(q->base, record);
        q->watched[i] = q->watched[--q->watched_count];
      }
    gk_mutex_unlock(&q->lock);
  }
}

// ---- opening

static gk_status open_now(gk_cuda_device *d, gk_error *error) {
  CUresult result = gk_cu.cuDevicePrimaryCtxRetain(&d->context, d->handle);
  const char *doing = "cuDevicePrimaryCtxRetain";
  if (result == CUDA_SUCCESS) {
    doing = "cuCtxSetCurrent";
    result = gk_cu.cuCtxSetCurrent(d->context);
  }
  if (result == CUDA_SUCCESS) {
    doing = "cuMemPoolCreate";
    CUmemPoolProps properties = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                                 .location = {CU_MEM_LOCATION_TYPE_DEVICE, d->handle}};
    result = gk_cu.cuMemPoolCreate(&d->pool, &properties);
  }
  if (result == CUDA_SUCCESS) {
    doing = "cuCtxGetStreamPriorityRange";
    result = gk_cu.cuCtxGetStreamPriorityRange(&d->least_priority, &d->greatest_priority);
  }
  if (result == CUDA_SUCCESS) {
    doing = "cuStreamCreateWithPriority";
    result = gk_cu.cuStreamCreateWithPriority(&d->service, CU_STREAM_NON_BLOCKING, 0);
    if (result == CUDA_SUCCESS)
      result = gk_cu.cuStreamCreateWithPriority(&d->capturing, CU_STREAM_NON_BLOCKING, 0);
  }
  if (result != CUDA_SUCCESS)
    return gk_error_set(error, GK_DEVICE, "%s: %s answered %s (%d)", d->base->name, doing,
                        gk_cuda_result_name(result), result);
  // Found out now rather than by the first op.
  if (gk_images_are_placeholders()) {
    CUmodule module;
    result = gk_cu.cuModuleLoadData(&module, gk_image_find("elementwise", NULL));
    if (result != CUDA_SUCCESS)
      return gk_error_set(error, GK_DEVICE,
                          "%s: this library was built without the CUDA kernels; build it with "
                          "GPUKIT_KERNELS=1 npm run build, which fetches the CUDA "
                          "compiler",
                          d->base->name);
    d->modules[0].name = "elementwise";
    d->modules[0].module = module;
  }
  return GK_OK;
}

static void close_what_is_open(gk_cuda_device *d) {
  // Streams, pools and modules go with the context.
  if (d->context) gk_cu.cuDevicePrimaryCtxRelease_v2(d->handle);
  d->context = NULL;
}

static bool open_device(gk_device *device, gk_error *error) {
  gk_cuda_device *d = gk_cuda_of(device);
  gk_mutex_lock(&d->lock);
  if (!d->tried) {
    d->tried = true;
    d->ready = open_now(d, &d->problem) == GK_OK;
    if (!d->ready) close_what_is_open(d);
  }
  bool ready = d->ready;
  if (!ready) *error = d->problem;
  gk_mutex_unlock(&d->lock);
  return ready;
}

// ---- memory

static void *allocate(gk_device *device, int64_t bytes, gk_stream *stream) {
  gk_cuda_device *d = gk_cuda_of(device);
  gk_error error;
  if (gk_cuda_enter(d, &error) != GK_OK) return NULL;
  CUdeviceptr memory = 0;
  CUstream queue = gk_cuda_stream_of(stream)->queue;
  CUresult result = gk_cu.cuMemAllocFromPoolAsync(&memory, (size_t)bytes, d->pool, queue);
  // What was given back is there for other streams once the queue that frees it has got so far.
  if (result == CUDA_ERROR_OUT_OF_MEMORY && atomic_exchange(&d->freeing, false)) {
    atomic_fetch_add_explicit(&device->synchronisations, 1, memory_order_relaxed);
    result = gk_cu.cuStreamSynchronize(d->service);
    if (result == CUDA_SUCCESS)
      result = gk_cu.cuMemAllocFromPoolAsync(&memory, (size_t)bytes, d->pool, queue);
  }
  if (result == CUDA_SUCCESS) return (void *)(uintptr_t)memory;
  if (result != CUDA_ERROR_OUT_OF_MEMORY) gk_cuda_fail(d, stream, result, "allocation", &error);
  return NULL;
}

static void release(gk_device *device, void *memory, int64_t bytes) {
  (void)bytes;
  gk_cuda_device *d = gk_cuda_of(device);
  gk_error error;
  if (gk_cuda_enter(d, &error) != GK_OK) return; // its memory went with it
  CUresult result = gk_cu.cuMemFreeAsync((CUdeviceptr)(uintptr_t)memory, d->service);
  if (result != CUDA_SUCCESS) gk_cuda_fail(d, NULL, result, "freeing memory", &error);
  atomic_store(&d->freeing, true);
}

// ---- description

static int attribute(const gk_cuda_device *d, int which) {
  int value = 0;
  gk_cu.cuDeviceGetAttribute(&value, which, d->handle);
  return value;
}

// Operands of the tensor cores, by compute capability (CUDA C++ Programming Guide, "Arithmetic").
static const char *tensor_dtypes(int major, int minor) {
  if (major >= 10) return "float16 bfloat16 tf32 float64 int8 float8 float6 float4";
  if (major == 9 || (major == 8 && minor == 9))
    return major == 9 ? "float16 bfloat16 tf32 float64 int8 float8"
                      : "float16 bfloat16 tf32 int8 int4 float8";
  return minor == 0 ? "float16 bfloat16 tf32 float64 int8 int4" : "float16 bfloat16 tf32 int8 int4";
}

static void uuid_text(const gk_cuda_device *d, char *text, size_t bytes) {
  CUuuid uuid;
  text[0] = 0;
  if (!gk_cu.cuDeviceGetUuid_v2 || gk_cu.cuDeviceGetUuid_v2(&uuid, d->handle) != CUDA_SUCCESS)
    return;
  int n = 0;
  for (int i = 0; i < 16 && (size_t)n + 4 < bytes; i++)
    n += snprintf(text + n, bytes - (size_t)n, "%s%02x",
                  i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", (unsigned char)uuid.bytes[i]);
}

// Instances of a partitioned GPU say so in their name, or were chosen by it; the management library knows.
static bool is_mig(const char *name, const char *uuid) {
  const char *visible = getenv("CUDA_VISIBLE_DEVICES");
  return strstr(name, " MIG ") || (visible && strncmp(visible, "MIG-", 4) == 0) ||
         gk_nvml_is_mig(uuid) == GK_NVML_YES;
}

// A client of the multi-process service shares the GPU, and the faults of others.
static const char *mps_state(const gk_cuda_device *d) {
  if (attribute(d, CU_DEVICE_ATTRIBUTE_MPS_ENABLED)) return "client";
  return getenv("CUDA_MPS_PIPE_DIRECTORY") ? "named by the environment, not in use" : "no";
}

static void describe(gk_device *device, char *text, int bytes) {
  gk_cuda_device *d = gk_cuda_of(device);
  char name[128] = "GPU", uuid[40], peers[160];
  gk_cu.cuDeviceGetName(name, sizeof name, d->handle);
  for (char *p = name; *p; p++)
    if (iscntrl((unsigned char)*p)) *p = ' '; // the text it goes into has tabs and lines
  uuid_text(d, uuid, sizeof uuid);
  gk_cuda_peer_names(d, peers, sizeof peers);
  size_t unused = 0, total = d->total;
  gk_error error;
  if (d->ready && gk_cuda_enter(d, &error) == GK_OK) gk_cu.cuMemGetInfo_v2(&unused, &total);
  snprintf(text, (size_t)bytes,
           "name\t%s\nuuid\t%s\ndriver\t%d.%d\ncomputeCapability\t%d.%d\nprocessors\t%d\n"
           "memory\t%.0f\nfree\t%.0f\nlimit\t%.0f\nl2Cache\t%d\nsharedMemory\t%d\ntensorCores\t%s\n"
           "cooperativeLaunch\t%s\nclusters\t%s\ngreenContexts\t%s\npeers\t%s\nmig\t%s\nmps\t%"
           "s\nkernels\t%s\n"
           "state\t%s\n",
           name, uuid, gk_cuda_driver_version / 1000, gk_cuda_driver_version % 1000 / 10, d->major,
           d->minor, d->processors, (double)total, (double)unused, (double)device->limit,
           attribute(d, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE),
           attribute(d, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
           tensor_dtypes(d->major, d->minor),
           attribute(d, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH) ? "yes" : "no",
           attribute(d, CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH) ? "yes" : "no",
           gk_cu.cuGreenCtxCreate ? "yes" : "no", peers, is_mig(name, uuid) ? "instance" : "no",
           mps_state(d), gk_images_are_placeholders() ? "not built" : "embedded",
           atomic_load(&d->lost)   ? d->cause.text
           : d->tried && !d->ready ? d->problem.text
                                   : "ok");
}

// ---- finding

static const gk_device_api api = {
    .kind = "cuda",
    .host_memory = false,
    .open = open_device,
    .allocate = allocate,
    .release = release,
    .run = gk_cuda_call,
    .copy_out = gk_cuda_copy_out,
    .copy_in = gk_cuda_copy_in,
    .copy_peer = gk_cuda_copy_peer,
    .stream_open = gk_cuda_stream_open,
    .stream_close = gk_cuda_stream_close,
    .stream_enqueue = gk_cuda_stream_enqueue,
    .stream_wait = gk_cuda_stream_wait,
    .describe = describe,
    .stream_order = gk_cuda_stream_order,
    .stream_query = gk_cuda_stream_query,
    .event_record = gk_cuda_event_record,
    .event_wait = gk_cuda_event_wait,
    .event_happened = gk_cuda_event_happened,
    .event_elapsed = gk_cuda_event_elapsed,
    .event_release = gk_cuda_event_release,
    .graph_create = gk_cuda_graph_create,
    .graph_launch = gk_cuda_graph_launch,
    .graph_release = gk_cuda_graph_release,
    .host_register = gk_cuda_host_register,
    .host_forget = gk_cuda_host_forget,
    .modules = &gk_cuda_modules,
    .lost = lost,
};

// Fills one device; false with the reason in why_none.
static bool find_device(gk_device *device, int ordinal, uint32_t number) {
  static gk_cuda_device devices[GK_MAX_DEVICES];
  gk_cuda_device *d = &devices[ordinal];
  int pools = 0, grid[3] = {0}, block[3] = {0};
  const struct {
    int which, *value;
  } asked[] = {{CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, &d->major},
               {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, &d->minor},
               {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, &d->processors},
               {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, &d->most_shared},
               {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, &pools},
               {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, &grid[0]}, // _Y and _Z are the next ones
               {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + 1, &grid[1]},
               {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X + 2, &grid[2]},
               {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, &block[0]},
               {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + 1, &block[1]},
               {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X + 2, &block[2]}};
  CUresult result = gk_cu.cuDeviceGet(&d->handle, ordinal);
  if (result == CUDA_SUCCESS) result = gk_cu.cuDeviceTotalMem_v2(&d->total, d->handle);
  for (size_t i = 0; i < sizeof asked / sizeof *asked && result == CUDA_SUCCESS; i++)
    result = gk_cu.cuDeviceGetAttribute(asked[i].value, asked[i].which, d->handle);
  if (result != CUDA_SUCCESS) {
    snprintf(why_none, sizeof why_none, "cuda:%d answered %s (%d)", ordinal,
             gk_cuda_result_name(result), result);
    return false;
  }
  if (d->major < 8 || !pools) {
    snprintf(why_none, sizeof why_none,
             "the GPU has compute capability %d.%d%s, and 8.0 or later is needed", d->major,
             d->minor, d->major < 8 ? "" : " but no memory pools");
    return false;
  }
  for (int i = 0; i < 3; i++) {
    d->most_grid[i] = (uint32_t)grid[i];
    d->most_block[i] = (uint32_t)block[i];
  }
  gk_mutex_init(&d->lock);
  gk_mutex_init(&d->capture_lock);
  d->base = device;
  device->api = &api;
  device->impl = d;
  device->limit = (int64_t)d->total;
  snprintf(device->name, sizeof device->name, "cuda:%u", number);
  return true;
}

uint32_t gk_cuda_devices(gk_device *first, uint32_t room) {
  if (!gk_cuda_driver_open(why_none, sizeof why_none)) return 0;
  CUresult result = gk_cu.cuInit(0);
  int count = 0;
  if (result == CUDA_SUCCESS) result = gk_cu.cuDeviceGetCount(&count);
  if (result != CUDA_SUCCESS || count == 0) {
    snprintf(why_none, sizeof why_none, "the NVIDIA driver has no device to offer: %s (%d)",
             gk_cuda_result_name(result != CUDA_SUCCESS ? result : CUDA_ERROR_NO_DEVICE),
             result != CUDA_SUCCESS ? result : CUDA_ERROR_NO_DEVICE);
    return 0;
  }
  uint32_t found = 0;
  for (int i = 0; i < count && i < GK_MAX_DEVICES && found < room; i++)
    if (find_device(&first[found], i, found)) found++;
  if (found) why_none[0] = 0;
  return found;
}
