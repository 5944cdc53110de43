// What was compiled is kept on disk, one file for each key, in a folder of the user alone:
// GPUKIT_CACHE_DIR/jit, or jit in the system's place for caches. GPUKIT_CACHE=0 turns it off. A file that is
// not exactly what was written is not there; nothing here ever fails a compilation.
#ifndef GK_CUDA_CACHE_H
#define GK_CUDA_CACHE_H

#include "../core/sha256.h"
#include "nvrtc.h"

typedef struct gk_cache_key {
  uint8_t bytes[GK_SHA256_BYTES];
} gk_cache_key;

// The folder, made where it was missing, in `folder` (GK_PATH_BYTES); false with the reason.
bool gk_cache_folder(char *folder, char *why, size_t bytes);
// Fills what a compilation fills of `program`, but for the time; false: it is not there.
bool gk_cache_load(const gk_cache_key *key, gk_program *program);
void gk_cache_store(const gk_cache_key *key, const gk_program *program);

// Beyond this many bytes the files that were used longest ago go: 256 MiB, fewer in tests.
extern uint64_t gk_cache_limit;

#endif
