// What the NVRTC twin (nvrtc/) hands out as a cubin and as PTX, and cuModuleLoadData takes back: a
// library of kernels with what must be known before it is loaded. It lies in one piece, so that a program
// may keep it in a file and load it in another process.
#ifndef STANDIN_IMAGE_H
#define STANDIN_IMAGE_H

#include <elf.h>
#include <stdint.h>

#define STANDIN_IMAGE_MAGIC "gpukit stand-in kernels, 1"

// Machine of a cubin; its architecture is in bits 8 to 15 of the flags.
#define STANDIN_CUDA_MACHINE 190

// What runs where: sm_90 on 9.x from there on, sm_90a on 9.0 alone, compute_90 on all from there on.
typedef enum standin_fit {
  STANDIN_FITS_MAJOR,
  STANDIN_FITS_EXACTLY,
  STANDIN_FITS_NEWER
} standin_fit;

// A kernel or variable: its name, and the static shared memory that it takes.
typedef struct standin_name {
  uint32_t name; // where it begins, from the image's beginning
  uint32_t shared_bytes;
} standin_name;

// Begins like a cubin, of which programs look at the headers: one section, which is all of it. Then the names,
// and the library.
typedef struct standin_image {
  Elf64_Ehdr elf;
  Elf64_Shdr whole;
  char magic[32];
  uint32_t arch; // 90
  uint32_t fit; // standin_fit
  uint32_t constant_bytes; // of all its variables in constant memory
  uint32_t count; // of names
  uint64_t names_at, library_at, bytes; // bytes: of all
  uint64_t check; // standin_hash of what follows
} standin_image;

// PTX of the twin has the image in comments: lines that begin with this, in base64.
#define STANDIN_PTX_LINE "//@ "

static inline uint64_t standin_hash(uint64_t seed, const void *bytes, size_t count) {
  const unsigned char *p = bytes;
  uint64_t h = seed ^ 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; i++) h = (h ^ p[i]) * 0x100000001b3u;
  return h;
}

#endif
