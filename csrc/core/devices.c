// The devices of the process, found once, and the environment that chooses among them.
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "isolate.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <dlfcn.h>
#endif

gk_device gk_devices[GK_MAX_DEVICES];
uint32_t gk_device_count;

static int default_device = -1;
static char problem[512];
static char cuda_problem[512]; // why no CUDA device is used
static gk_mutex initialize_lock = GK_MUTEX_INIT;
static bool initialized;

// Runtimes unload the library when an isolate ends, while its threads run: it stays for good.
__attribute__((constructor)) static void pin(void) {
#if defined(_WIN32)
  HMODULE module;
  GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     (const char *)(void *)pin, &module);
#else
  Dl_info info;
  if (dladdr((void *)(uintptr_t)pin, &info) && info.dli_fname)
    dlopen(info.dli_fname, RTLD_NOW | RTLD_NODELETE);
#endif
}

// "1500000", "1.5G", "64MiB": bytes, or -1.
static double parse_bytes(const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (end == text || !(value >= 0)) return -1;
  static const char units[] = "KMGT";
  const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
  if (unit) {
    for (const char *u = units; u <= unit; u++) value *= 1024;
    end++;
  }
  if (*end == 'i') end++;
  if (*end == 'B' || *end == 'b') end++;
  return *end ? -1 : value;
}

// The device of GPUKIT_DEVICE, or the first CUDA device that can be used, or the CPU. Who asked for CUDA
// gets it or the reason.
static void choose_default(void) {
  const char *text = getenv("GPUKIT_DEVICE");
  bool asked = text && *text;
  int device = gk_devices_find(asked ? text : "cuda");
  gk_error error = {.text = ""}, another;
  // Where nothing is asked for, one that fails is passed over; its reason is told where all fail.
  if (!asked && device >= 0 && !gk_devices[device].api->open(&gk_devices[device], &error)) {
    uint32_t i = (uint32_t)device + 1;
    while (i < gk_device_count && (gk_devices[i].api != gk_devices[device].api ||
                                   !gk_devices[i].api->open(&gk_devices[i], &another)))
      i++;
    if (i < gk_device_count) device = (int)i;
  }
  if (device >= 0 && gk_devices[device].api->open(&gk_devices[device], &error)) {
    default_device = device;
    return;
  }
  if (!asked) {
    snprintf(cuda_problem, sizeof cuda_problem, "%s", device < 0 ? gk_cuda_problem() : error.text);
    default_device = gk_devices_find("cpu");
  } else if (device >= 0) {
    snprintf(problem, sizeof problem, "GPUKIT_DEVICE=%.40s cannot be used: %s", text, error.text);
  } else if (strncmp(text, "cuda", 4) == 0) {
    const char *why = gk_cuda_problem();
    snprintf(problem, sizeof problem,
             "GPUKIT_DEVICE=%.40s asks for a CUDA device, but %s; unset it or set it to cpu", text,
             *why ? why : "there is none of this number");
  } else {
    snprintf(problem, sizeof problem, "GPUKIT_DEVICE=%.40s is not a device; set it to cpu or cuda",
             text);
  }
}

static void initialize(void) {
  gk_device_count = gk_cpu_devices(gk_devices, GK_MAX_DEVICES);
  gk_device_count +=
      gk_cuda_devices(gk_devices + gk_device_count, GK_MAX_DEVICES - gk_device_count);
  snprintf(cuda_problem, sizeof cuda_problem, "%s", gk_cuda_problem());
  double limit = 0;
  const char *text = getenv("GPUKIT_MAX_BYTES");
  if (text && *text && (limit = parse_bytes(text)) < 0)
    snprintf(problem, sizeof problem,
             "GPUKIT_MAX_BYTES=%.40s is not a number of bytes such as 2000000000 or 2G", text);
  for (uint32_t i = 0; i < gk_device_count; i++) {
    gk_devices[i].index = i;
    gk_mutex_init(&gk_devices[i].pool_lock);
    if (limit > 0) gk_devices[i].limit = limit < 0x1p53 ? (int64_t)limit : (int64_t)1 << 53;
  }
  if (!problem[0]) choose_default();
}

void gk_devices_initialize(void) {
  gk_mutex_lock(&initialize_lock);
  if (!initialized) initialize();
  initialized = true;
  gk_mutex_unlock(&initialize_lock);
}
int gk_devices_default(void) { return default_device; }
const char *gk_devices_problem(void) { return problem[0] ? problem : "there is no device"; }

int gk_devices_find(const char *name) {
  size_t length = strcspn(name, ":");
  unsigned number = 0;
  if (name[length]) {
    char *end;
    number = (unsigned)strtoul(name + length + 1, &end, 10);
    if (*end || end == name + length + 1) return -1;
  }
  for (uint32_t i = 0, seen = 0; i < gk_device_count; i++)
    if (strlen(gk_devices[i].api->kind) == length &&
        strncmp(gk_devices[i].api->kind, name, length) == 0 && seen++ == number)
      return (int)i;
  return -1;
}

void gk_devices_refuse(const char *why) { snprintf(problem, sizeof problem, "%s", why); }

// ---- over the ABI

uint32_t gk_device_info(uint32_t ctx, int32_t index) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_block_output *out = c->isolate->out;
  if (index >= (int32_t)gk_device_count || index < -2) {
    gk_fail(c->isolate, GK_DEVICE, "there is no device %d; there are %u", index, gk_device_count);
    return GK_DEVICE;
  }
  out->values[0] = gk_device_count;
  if (index >= 0) {
    int n = snprintf(out->text, GK_TEXT_BYTES, "id\t%s\nkind\t%s\n", gk_devices[index].name,
                     gk_devices[index].api->kind);
    gk_devices[index].api->describe(&gk_devices[index], out->text + n, GK_TEXT_BYTES - n);
  } else if (index == -2) {
    gk_cuda_describe_compiler(out->text, GK_TEXT_BYTES);
  } else {
    snprintf(out->text, GK_TEXT_BYTES, "abi\t%u\ndefault\t%s\nproblem\t%s\ncuda\t%s\n",
             GK_ABI_VERSION, default_device >= 0 ? gk_devices[default_device].name : "", problem,
             cuda_problem);
  }
  out->text_bytes = (int32_t)strlen(out->text);
  return GK_OK;
}

uint32_t gk_memory_query(uint32_t ctx, uint32_t device) {
  gk_context *c = gk_context_get(ctx);
  if (!c) return GK_ARGUMENT;
  gk_isolate *iso = c->isolate;
  if (device >= gk_device_count) {
    gk_fail(iso, GK_DEVICE, "there is no device %u; there are %u", device, gk_device_count);
    return GK_DEVICE;
  }
  gk_device *d = &gk_devices[device];
  const double values[] = {
      (double)(atomic_load(&d->used) - (d->api->host_memory ? iso->cache.credit : 0)),
      (double)atomic_load(&d->peak),
      (double)atomic_load(&d->cached),
      (double)d->limit,
      (double)atomic_load(&d->taken),
      (double)iso->ran_inline,
      (double)iso->ran_queued,
      iso->live,
      iso->peak,
      iso->contexts - 1,
      c->count,
      (double)atomic_load(&d->launches),
      (double)atomic_load(&d->synchronisations)};
  memcpy(iso->out->values, values, sizeof values);
  return GK_OK;
}
