// Devices and their primary contexts, the context of a thread, and errors that stay: after one of those a
// device answers everything with it until the process ends, as a real one does.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

bool driver_initialized;
device driver_devices[MAX_DEVICES];

// The handle, not the context: it may be gone.
static __thread void *current_handle;

// ---- settings

static void bad_setting(const char *name, const char *text, const char *what) {
  fprintf(stderr, "%s=%s: must be %s\n", name, text, what);
  abort();
}

static long setting(const char *name, long otherwise, long most) {
  const char *text = getenv(name);
  if (text == NULL || text[0] == '\0') return otherwise;
  char *end;
  const long value = strtol(text, &end, 10);
  if (*end != '\0' || value < 0 || value > most) bad_setting(name, text, "a number");
  return value;
}

static size_t memory_setting(void) {
  const char *text = getenv("STANDIN_MEMORY");
  if (text == NULL || text[0] == '\0') return (size_t)2 << 30;
  char *end;
  const unsigned long long value = strtoull(text, &end, 10);
  const char *const units = "KMG";
  const char *unit = *end == '\0' ? NULL : strchr(units, *end);
  if (end == text || (*end != '\0' && (unit == NULL || end[1] != '\0'))) {
    bad_setting("STANDIN_MEMORY", text, "a number with K, M or G after it, or none");
  }
  return (size_t)value << (unit == NULL ? 0 : 10 * (unit - units + 1));
}

static settings chosen;

static void set_peers(int a, int b) {
  driver_devices[a].peers |= 1u << b;
  driver_devices[b].peers |= 1u << a;
}

static void read_peers(void) {
  const char *text = getenv("STANDIN_PEERS");
  if (text == NULL || text[0] == '\0' || strcmp(text, "all") == 0) {
    for (int a = 0; a < chosen.devices; a++) {
      for (int b = 0; b < a; b++) set_peers(a, b);
    }
    return;
  }
  int a, b, length = 0;
  for (const char *at = text; strcmp(text, "none") != 0; at += length + 1) {
    if (sscanf(at, "%d-%d%n", &a, &b, &length) != 2 || a < 0 || b < 0 || a == b ||
        a >= chosen.devices || b >= chosen.devices || (at[length] != '\0' && at[length] != ',')) {
      bad_setting("STANDIN_PEERS", text, "all, none or pairs such as 0-1,2-3");
    }
    set_peers(a, b);
    if (at[length] == '\0') break;
  }
}

const settings *driver_settings(void) { return &chosen; }

__attribute__((constructor)) static void read_settings(void) {
  chosen.devices = (int)setting("STANDIN_DEVICES", 1, MAX_DEVICES);
  chosen.name = getenv("STANDIN_NAME");
  if (chosen.name == NULL) chosen.name = "Stand-in GPU";
  chosen.major = 9;
  const char *cc = getenv("STANDIN_CC");
  if (cc != NULL && cc[0] != '\0' && sscanf(cc, "%d.%d", &chosen.major, &chosen.minor) != 2) {
    bad_setting("STANDIN_CC", cc, "major.minor");
  }
  chosen.version = (int)setting("STANDIN_VERSION", 13000, 1000000);
  chosen.mps = setting("STANDIN_MPS", 0, 1) != 0;
  chosen.lazy = setting("STANDIN_LAZY", 0, 1) != 0;
  chosen.quiet = setting("STANDIN_QUIET", 0, 1) != 0;
  chosen.memory = memory_setting();
  for (int i = 0; i < chosen.devices; i++) {
    driver_devices[i] = (device){.ordinal = i, .memory = chosen.memory};
  }
  read_peers();
  const char *drop = getenv("STANDIN_DROP");
  chosen.drops = drop == NULL ? 0 : strcmp(drop, "direct") == 0 ? 1 : 2;
}

// ---- errors

static const struct {
  CUresult code;
  const char *name;
} errors[] = {
#define ERROR(name, value) {value, #name},
    GK_CUDA_RESULTS(ERROR)
#undef ERROR
        {ERROR_ILLEGAL_STATE, "CUDA_ERROR_ILLEGAL_STATE"},
    {ERROR_HOST_MEMORY_ALREADY_REGISTERED, "CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED"},
    {ERROR_HOST_MEMORY_NOT_REGISTERED, "CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED"},
    {ERROR_STREAM_CAPTURE_MERGE, "CUDA_ERROR_STREAM_CAPTURE_MERGE"},
    {ERROR_STREAM_CAPTURE_UNMATCHED, "CUDA_ERROR_STREAM_CAPTURE_UNMATCHED"},
    {ERROR_STREAM_CAPTURE_UNJOINED, "CUDA_ERROR_STREAM_CAPTURE_UNJOINED"},
    {ERROR_STREAM_CAPTURE_ISOLATION, "CUDA_ERROR_STREAM_CAPTURE_ISOLATION"},
    {ERROR_CAPTURED_EVENT, "CUDA_ERROR_CAPTURED_EVENT"},
    {ERROR_STREAM_CAPTURE_WRONG_THREAD, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"},
};

// "To continue using CUDA, the process must be terminated and relaunched", says cuda.h of these; and
// after the others a device does not come back either.
static const CUresult sticky[] = {
    CUDA_ERROR_DEVICE_UNAVAILABLE,
    CUDA_ERROR_ECC_UNCORRECTABLE,
    CUDA_ERROR_NVLINK_UNCORRECTABLE,
    CUDA_ERROR_CONTAINED,
    CUDA_ERROR_ILLEGAL_ADDRESS,
    CUDA_ERROR_LAUNCH_TIMEOUT,
    CUDA_ERROR_ASSERT,
    CUDA_ERROR_HARDWARE_STACK_ERROR,
    CUDA_ERROR_ILLEGAL_INSTRUCTION,
    CUDA_ERROR_MISALIGNED_ADDRESS,
    CUDA_ERROR_INVALID_ADDRESS_SPACE,
    CUDA_ERROR_INVALID_PC,
    CUDA_ERROR_LAUNCH_FAILED,
    CUDA_ERROR_TENSOR_MEMORY_LEAK,
    CUDA_ERROR_MPS_CLIENT_TERMINATED,
    CUDA_ERROR_EXTERNAL_DEVICE,
    CUDA_ERROR_UNKNOWN,
};

bool is_sticky(CUresult code) {
  for (size_t i = 0; i < sizeof sticky / sizeof *sticky; i++) {
    if (sticky[i] == code) return true;
  }
  return false;
}

void device_lose(device *d, CUresult code) {
  if (d->lost == CUDA_SUCCESS) d->lost = code;
  pthread_cond_broadcast(&progress);
}

void device_fault(device *d, CUresult code) {
  if (d->lost == CUDA_SUCCESS && !chosen.quiet) {
    fprintf(stderr, "stand-in driver: device %d is lost, error %d: %s\n", d->ordinal, code,
            standin_report());
  }
  device_lose(d, code);
}

CUresult cuGetErrorName(CUresult result, const char **name) {
  ENTER(cuGetErrorName, NEEDS_NOTHING);
  if (name == NULL) return CUDA_ERROR_INVALID_VALUE;
  *name = NULL;
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    if (errors[i].code == result) *name = errors[i].name;
  }
  return *name == NULL ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

// ---- devices

CUresult cuInit(unsigned int flags) {
  ENTER(cuInit, NEEDS_NOTHING);
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  if (chosen.devices == 0) return CUDA_ERROR_NO_DEVICE;
  driver_initialized = true;
  return CUDA_SUCCESS;
}

CUresult cuDriverGetVersion(int *version) {
  ENTER(cuDriverGetVersion, NEEDS_NOTHING);
  if (version == NULL) return CUDA_ERROR_INVALID_VALUE;
  *version = chosen.version;
  return CUDA_SUCCESS;
}

static bool is_device(CUdevice d) { return d >= 0 && d < chosen.devices; }

CUresult cuDeviceGetCount(int *count) {
  ENTER(cuDeviceGetCount, NEEDS_INIT);
  if (count == NULL) return CUDA_ERROR_INVALID_VALUE;
  *count = chosen.devices;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *d, int ordinal) {
  ENTER(cuDeviceGet, NEEDS_INIT);
  if (d == NULL) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *d = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int bytes, CUdevice d) {
  ENTER(cuDeviceGetName, NEEDS_INIT);
  if (name == NULL || bytes <= 0) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(d)) return CUDA_ERROR_INVALID_DEVICE;
  snprintf(name, (size_t)bytes, "%s", chosen.name);
  return CUDA_SUCCESS;
}

CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice d) {
  ENTER(cuDeviceTotalMem_v2, NEEDS_INIT);
  if (bytes == NULL) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(d)) return CUDA_ERROR_INVALID_DEVICE;
  *bytes = driver_devices[d].memory;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice d) {
  ENTER(cuDeviceGetUuid_v2, NEEDS_INIT);
  if (uuid == NULL) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(d)) return CUDA_ERROR_INVALID_DEVICE;
  memcpy(uuid->bytes, "stand-in GPU  \0", sizeof uuid->bytes);
  uuid->bytes[15] = (char)d;
  return CUDA_SUCCESS;
}

// CUdevice_attribute -> value; those that depend on a setting are filled in below.
static const struct {
  int attribute, value;
} attributes[] = {
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, STANDIN_MAX_THREADS},
    {2, STANDIN_MAX_THREADS}, // MAX_BLOCK_DIM_X, _Y, _Z
    {3, STANDIN_MAX_THREADS},
    {4, 64},
    {5, INT32_MAX}, // MAX_GRID_DIM_X, _Y, _Z
    {6, 65535},
    {7, 65535},
    {8, 48 << 10}, // MAX_SHARED_MEMORY_PER_BLOCK
    {10, 32}, // WARP_SIZE
    {12, 65536}, // MAX_REGISTERS_PER_BLOCK
    {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, STANDIN_PROCESSORS},
    {CU_DEVICE_ATTRIBUTE_INTEGRATED, 0},
    {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 4 << 20},
    {39, STANDIN_THREADS_OF_PROCESSOR}, // MAX_THREADS_PER_MULTIPROCESSOR
    {81, STANDIN_SHARED_OF_PROCESSOR}, // MAX_SHARED_MEMORY_PER_MULTIPROCESSOR
    {106, STANDIN_BLOCKS_OF_PROCESSOR}, // MAX_BLOCKS_PER_MULTIPROCESSOR
    {CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, 1},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, STANDIN_MAX_SHARED},
    {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1},
};

CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice d) {
  ENTER(cuDeviceGetAttribute, NEEDS_INIT);
  if (value == NULL) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(d)) return CUDA_ERROR_INVALID_DEVICE;
  const struct {
    int attribute, value;
  } settled[] = {
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, chosen.major},
      {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, chosen.minor},
      {CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, chosen.major >= 9},
      {CU_DEVICE_ATTRIBUTE_MPS_ENABLED, chosen.mps},
  };
  for (size_t i = 0; i < sizeof settled / sizeof *settled; i++) {
    if (settled[i].attribute != attribute) continue;
    *value = settled[i].value;
    return CUDA_SUCCESS;
  }
  for (size_t i = 0; i < sizeof attributes / sizeof *attributes; i++) {
    if (attributes[i].attribute != attribute) continue;
    *value = attributes[i].value;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGreenCtxCreate(void **made, void *description, CUdevice d, unsigned int flags) {
  ENTER(cuGreenCtxCreate, NEEDS_INIT);
  (void)made, (void)description, (void)d, (void)flags;
  return CUDA_ERROR_NOT_SUPPORTED;
}

// ---- contexts

CUresult context_current(context **current) {
  *current = NULL;
  if (current_handle == NULL) return CUDA_ERROR_INVALID_CONTEXT;
  *current = object_find(current_handle, KIND_CONTEXT);
  return *current == NULL ? CUDA_ERROR_CONTEXT_IS_DESTROYED : CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *retained, CUdevice ordinal) {
  ENTER(cuDevicePrimaryCtxRetain, NEEDS_INIT);
  if (retained == NULL) return CUDA_ERROR_INVALID_VALUE;
  if (!is_device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  device *d = &driver_devices[ordinal];
  if (d->lost != CUDA_SUCCESS) return d->lost;
  if (d->context == NULL) {
    context *c = object_new(KIND_CONTEXT, sizeof *c, NULL);
    if (c == NULL) return CUDA_ERROR_OUT_OF_MEMORY;
    c->device = d;
    d->context = c;
  }
  d->retained++;
  *retained = d->context->o.handle;
  return CUDA_SUCCESS;
}

// All that was made in the context goes with it, when its streams have done what is queued.
static void context_close(context *c) {
  device *d = c->device;
  // Nobody finds it any more: a retain meanwhile makes another one.
  d->context = NULL;
  object_forget(&c->o);
  stream *s;
  event *e;
  object *o;
  for (uint32_t at = 0; (s = object_next(KIND_STREAM, &at)) != NULL;) {
    if (s->o.context == c) capture_leave(s);
  }
  for (uint32_t at = 0; (s = object_next(KIND_STREAM, &at)) != NULL;) {
    if (s->o.context == c) stream_close(s);
  }
  while (c->threads > 0) pthread_cond_wait(&progress, &state);
  for (uint32_t at = 0; (e = object_next(KIND_EVENT, &at)) != NULL;) {
    if (e->o.context == c) event_close(e);
  }
  for (uint32_t at = 0; (o = object_next(KIND_EXECUTABLE, &at)) != NULL;) {
    if (o->context == c) executable_close(o);
  }
  for (uint32_t at = 0; (o = object_next(KIND_GRAPH, &at)) != NULL;) {
    if (o->context == c) graph_close((graph *)o);
  }
  memory_close_all(c);
  for (int kind = KIND_POOL; kind <= KIND_FUNCTION; kind++) {
    for (uint32_t at = 0; (o = object_next(kind, &at)) != NULL;) {
      if (o->context != c) continue;
      if (kind == KIND_POOL) pool_close((pool *)o);
      if (kind == KIND_MODULE) module_close(o);
      object_forget(o);
      free(o);
    }
  }
  free(c);
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice ordinal) {
  ENTER_RELEASE(cuDevicePrimaryCtxRelease_v2, NEEDS_INIT);
  if (!is_device(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  device *d = &driver_devices[ordinal];
  if (d->retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--d->retained == 0) context_close(d->context);
  return failure != CUDA_SUCCESS ? failure : d->lost;
}

CUresult cuCtxSetCurrent(CUcontext handle) {
  ENTER(cuCtxSetCurrent, NEEDS_INIT);
  if (handle != NULL && object_find(handle, KIND_CONTEXT) == NULL) {
    return CUDA_ERROR_INVALID_CONTEXT;
  }
  current_handle = handle;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  ENTER(cuCtxGetStreamPriorityRange, NEEDS_CONTEXT);
  if (least != NULL) *least = 0;
  if (greatest != NULL) *greatest = -5;
  return CUDA_SUCCESS;
}

CUresult cuMemGetInfo_v2(size_t *unused, size_t *total) {
  ENTER(cuMemGetInfo_v2, NEEDS_CONTEXT);
  if (unused == NULL || total == NULL) return CUDA_ERROR_INVALID_VALUE;
  *unused = here->device->memory - here->device->reserved;
  *total = here->device->memory;
  return CUDA_SUCCESS;
}
