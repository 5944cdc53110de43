// Opens the driver's library and fills the table of its functions.
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>

#if defined(_WIN32)
#include <windows.h>
#undef OPTIONAL
#else
#include <dlfcn.h>
#endif

gk_cuda_driver gk_cu;
int gk_cuda_driver_version;

#if defined(_WIN32)
#define SYSTEM_NAME "nvcuda.dll"
void *gk_library_open(const char *path) { return (void *)LoadLibraryA(path); }
void *gk_library_find(void *library, const char *name) {
  return (void *)(uintptr_t)GetProcAddress((HMODULE)library, name);
}
static const char *reason(void) { return "the system has no such library"; }
#else
#define SYSTEM_NAME "libcuda.so.1"
void *gk_library_open(const char *path) { return dlopen(path, RTLD_NOW | RTLD_LOCAL); }
void *gk_library_find(void *library, const char *name) { return dlsym(library, name); }
static const char *reason(void) {
  const char *text = dlerror();
  return text ? text : "no reason given";
}
#endif

bool gk_cuda_driver_open(char *why, size_t bytes) {
  const char *given = getenv("GPUKIT_LIBCUDA");
  bool chosen = given && *given;
  void *library = gk_library_open(chosen ? given : SYSTEM_NAME);
  if (!library) {
    if (chosen)
      snprintf(why, bytes, "GPUKIT_LIBCUDA=%.200s cannot be opened: %.200s", given, reason());
    else
      snprintf(why, bytes, "no NVIDIA driver was found (%.200s)", reason());
    return false;
  }
  const char *name = chosen ? given : SYSTEM_NAME;
  gk_cu.cuDriverGetVersion =
      (CUresult(CUDAAPI *)(int *))gk_library_find(library, "cuDriverGetVersion");
  if (!gk_cu.cuDriverGetVersion ||
      gk_cu.cuDriverGetVersion(&gk_cuda_driver_version) != CUDA_SUCCESS) {
    snprintf(why, bytes, "%.200s is no CUDA driver: it has no cuDriverGetVersion that answers",
             name);
    return false;
  }
  if (gk_cuda_driver_version < GK_CUDA_DRIVER_VERSION) {
    snprintf(why, bytes,
             "the NVIDIA driver is too old: it is of CUDA %d.%d, and CUDA %d.%d is needed (580 or "
             "later); update the driver",
             gk_cuda_driver_version / 1000, gk_cuda_driver_version % 1000 / 10,
             GK_CUDA_DRIVER_VERSION / 1000, GK_CUDA_DRIVER_VERSION % 1000 / 10);
    return false;
  }
  const char *missing = NULL;
  int missing_since = 0;
  // Functions are called through the type that the table gives each.
#define OPTIONAL(since, name, parameters)                                                          \
  *(void **)(void *)&gk_cu.name = gk_library_find(library, #name);
#define NEEDED(since, name, parameters)                                                            \
  OPTIONAL(since, name, parameters)                                                                \
  if (!gk_cu.name && !missing) missing = #name, missing_since = since;
  GK_CUDA_FUNCTIONS(NEEDED, OPTIONAL)
#undef NEEDED
#undef OPTIONAL
  if (!missing) return true;
  snprintf(why, bytes,
           "the NVIDIA driver (CUDA %d.%d) lacks %s, which drivers have since CUDA %d.%d; install "
           "it again or update it",
           gk_cuda_driver_version / 1000, gk_cuda_driver_version % 1000 / 10, missing,
           missing_since / 1000, missing_since % 1000 / 10);
  return false;
}
