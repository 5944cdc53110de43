// NVRTC, NVIDIA's compiler as a library: found by name at run time, where the user has it. Turns a source into
// an image for the driver, by way of the cache on disk (cache.h).
//
// What a source includes must be known for what is on disk to be trusted. It is not used, and nothing is
// written, with options that name files or folders (-I, -include, -pch, -time and the like), and where a source
// or header includes in quotes what is not among the given headers, or by a macro. Headers of CUDA (in angle
// brackets) are known by the size and time of cuda_fp16.h.
#ifndef GK_CUDA_NVRTC_H
#define GK_CUDA_NVRTC_H

#include "../core/module.h"

// What a source has become. All malloc'd; gk_program_free frees what is there.
typedef struct gk_program {
  char *log; // of the compiler: warnings, or why it failed
  char
      *image; // for the driver: a cubin, or PTX where NVRTC does not know the device's architecture
  size_t image_bytes;
  char *ptx;
  size_t ptx_bytes;
  char architecture[24]; // that it was compiled for: sm_90a, compute_120
  uint32_t count; // of the kernels that were asked for
  char **symbols; // [count] their names in the image
  char **signatures; // [count] their types, as signature.h reads them
  bool from_disk;
  double milliseconds;
} gk_program;

// Compiles for a device of this compute capability; on any thread. GK_KERNEL_COMPILE: the source or an option is
// wrong, the log says where; GK_UNSUPPORTED: there is no NVRTC that could, and why; GK_OUT_OF_MEMORY. Nothing
// is tried twice: NVRTC's own failures do not pass by themselves. Of what failed, only the log is kept.
gk_status gk_nvrtc_compile(int major, int minor, const gk_module_source *source,
                           gk_program *program, gk_error *error);
void gk_program_free(gk_program *program);

#endif
