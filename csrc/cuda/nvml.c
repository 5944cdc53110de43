// NVIDIA's management library, where there is one: is a device an instance of a partitioned GPU (MIG)? Opened
// by name, like the driver; all that is needed of it are three functions.
#include "nvml.h"

#include <stdio.h>
#include <string.h>

#include "../core/threads.h"
#include "driver.h"

typedef struct nvmlDevice_st *nvmlDevice_t;
typedef int nvmlReturn_t; // 0: success

static struct {
  nvmlReturn_t (*nvmlInit_v2)(void);
  nvmlReturn_t (*nvmlDeviceGetHandleByUUID)(const char *uuid, nvmlDevice_t *device);
  nvmlReturn_t (*nvmlDeviceIsMigDeviceHandle)(nvmlDevice_t device, unsigned int *is_mig);
} nvml;

#if defined(_WIN32)
#define LIBRARY "nvml.dll"
#else
#define LIBRARY "libnvidia-ml.so.1"
#endif

static bool open_library(void) {
  static gk_mutex lock = GK_MUTEX_INIT;
  static bool tried, ready;
  gk_mutex_lock(&lock);
  if (!tried) {
    tried = true;
    void *library = gk_library_open(LIBRARY);
#define FIND(name)                                                                                 \
  (library && (*(void **)(void *)&nvml.name = gk_library_find(library, #name)) != NULL)
    ready = FIND(nvmlInit_v2) && FIND(nvmlDeviceGetHandleByUUID) &&
            FIND(nvmlDeviceIsMigDeviceHandle) && nvml.nvmlInit_v2() == 0;
#undef FIND
  }
  gk_mutex_unlock(&lock);
  return ready;
}

gk_nvml_answer gk_nvml_is_mig(const char *uuid) {
  if (!*uuid || !open_library()) return GK_NVML_UNKNOWN;
  static const char *const kinds[] = {"MIG", "GPU"};
  for (int i = 0; i < 2; i++) { // the driver gives the bytes without the kind
    char name[64];
    nvmlDevice_t device;
    unsigned int is_mig = 0;
    snprintf(name, sizeof name, "%s-%s", kinds[i], uuid);
    if (nvml.nvmlDeviceGetHandleByUUID(name, &device) != 0) continue;
    if (nvml.nvmlDeviceIsMigDeviceHandle(device, &is_mig) == 0)
      return is_mig ? GK_NVML_YES : GK_NVML_NO;
  }
  return GK_NVML_UNKNOWN;
}
