// NVRTC's library: its functions, as far as gpukit uses them, and where it lies. No header of NVIDIA's is
// needed; values are those of nvrtc.h 13.5.
#ifndef GK_CUDA_NVRTC_LIBRARY_H
#define GK_CUDA_NVRTC_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>

#include "../core/files.h"

typedef int nvrtcResult;
typedef struct _nvrtcProgram *nvrtcProgram;

#define GK_NVRTC_RESULTS(RESULT)                                                                   \
  RESULT(NVRTC_SUCCESS, 0)                                                                         \
  RESULT(NVRTC_ERROR_OUT_OF_MEMORY, 1)                                                             \
  RESULT(NVRTC_ERROR_INVALID_OPTION, 5)                                                            \
  RESULT(NVRTC_ERROR_COMPILATION, 6)                                                               \
  RESULT(NVRTC_ERROR_BUILTIN_OPERATION_FAILURE, 7)
enum {
#define RESULT(name, value) name = value,
  GK_NVRTC_RESULTS(RESULT)
#undef RESULT
};

// The version of CUDA that each came with (12000: 12.0), its result, name and parameters.
#define GK_NVRTC_FUNCTIONS(NEEDED, OPTIONAL)                                                       \
  NEEDED(7000, nvrtcResult, nvrtcVersion, (int *major, int *minor))                                \
  NEEDED(7000, const char *, nvrtcGetErrorString, (nvrtcResult))                                   \
  NEEDED(11020, nvrtcResult, nvrtcGetNumSupportedArchs, (int *count))                              \
  NEEDED(11020, nvrtcResult, nvrtcGetSupportedArchs, (int *architectures))                         \
  NEEDED(7000, nvrtcResult, nvrtcCreateProgram,                                                    \
         (nvrtcProgram *, const char *source, const char *name, int count,                         \
          const char *const *headers, const char *const *names))                                   \
  NEEDED(7000, nvrtcResult, nvrtcDestroyProgram, (nvrtcProgram *))                                 \
  NEEDED(8000, nvrtcResult, nvrtcAddNameExpression, (nvrtcProgram, const char *))                  \
  NEEDED(7000, nvrtcResult, nvrtcCompileProgram,                                                   \
         (nvrtcProgram, int count, const char *const *options))                                    \
  NEEDED(8000, nvrtcResult, nvrtcGetLoweredName,                                                   \
         (nvrtcProgram, const char *expression, const char **name))                                \
  NEEDED(7000, nvrtcResult, nvrtcGetPTXSize, (nvrtcProgram, size_t *))                             \
  NEEDED(7000, nvrtcResult, nvrtcGetPTX, (nvrtcProgram, char *))                                   \
  NEEDED(11010, nvrtcResult, nvrtcGetCUBINSize, (nvrtcProgram, size_t *))                          \
  NEEDED(11010, nvrtcResult, nvrtcGetCUBIN, (nvrtcProgram, char *))                                \
  NEEDED(7000, nvrtcResult, nvrtcGetProgramLogSize, (nvrtcProgram, size_t *))                      \
  NEEDED(7000, nvrtcResult, nvrtcGetProgramLog, (nvrtcProgram, char *))                            \
  OPTIONAL(13030, nvrtcResult, nvrtcInstallBundledHeaders,                                         \
           (const char *folder, unsigned int flags, const char **error))

#define GK_NVRTC_ARCHITECTURES 64

typedef struct gk_nvrtc {
#define FUNCTION(since, result, name, parameters) result(*name) parameters;
  GK_NVRTC_FUNCTIONS(FUNCTION, FUNCTION)
#undef FUNCTION
  int major, minor;
  int architecture_count, architectures[GK_NVRTC_ARCHITECTURES]; // ascending, 90 for 9.0
  char path[GK_PATH_BYTES];
  gk_file_info file; // of the path; 0 where that is not known
  char headers[GK_PATH_BYTES]; // the folder of cuda_fp16.h; empty: not known
  char headers2[GK_PATH_BYTES]; // of the headers that those include; may be empty
} gk_nvrtc;

// The oldest that is used: it compiles for sm_90a.
#define GK_NVRTC_MAJOR 12

// GPUKIT_LIBNVRTC, else the newest that is found and that the driver's version can take; opened once, on any
// thread. NULL with the reason.
const gk_nvrtc *gk_nvrtc_open(const char **why);

#endif
