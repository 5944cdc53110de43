// What to say when a source does not compile: NVRTC's log is long, and speaks of names that are not the user's.
#ifndef GK_CUDA_NVRTC_MESSAGE_H
#define GK_CUDA_NVRTC_MESSAGE_H

#include "../core/module.h"

// GK_KERNEL_COMPILE with the first error of the log, its line of source and the caret, and how many more there are; or
// which of the kernels that were asked for is none, and which there are.
gk_status gk_nvrtc_explain(const gk_module_source *source, const char *log, const char *result,
                           gk_error *error);
// GK_KERNEL_COMPILE: `kernel` is none, for `reason`.
gk_status gk_nvrtc_no_kernel(const gk_module_source *source, const char *kernel, const char *reason,
                             gk_error *error);
// The names of the __global__ functions in a source, as they are written: "saxpy, ns::scale, sum<...>", as far
// as there is room. Those that macros make are not seen. Their number.
int gk_nvrtc_list_kernels(const char *source, char *text, size_t bytes);

#endif
