// SHA-256 (FIPS 180-4), for names and checks of cached files.
#ifndef GK_CORE_SHA256_H
#define GK_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define GK_SHA256_BYTES 32

typedef struct gk_sha256 {
  uint32_t state[8];
  uint64_t bytes; // added so far
  uint8_t block[64];
} gk_sha256;

void gk_sha256_begin(gk_sha256 *hash);
void gk_sha256_add(gk_sha256 *hash, const void *data, size_t bytes);
void gk_sha256_end(gk_sha256 *hash, uint8_t digest[GK_SHA256_BYTES]);

#endif
