// What copy_simd.c gives to copy.c: conversions and transposition for one instruction set.
#ifndef GK_CPU_COPY_H
#define GK_CPU_COPY_H

#include "cpu.h"

// Transposes: out[c * out_stride + r] = in[r * in_stride + c] for r < rows, c < columns, with
// strides in elements.
typedef void (*gk_transpose_fn)(int64_t rows, int64_t columns, const void *in, int64_t in_stride,
                                void *out, int64_t out_stride);

// Strides with a gather of their own: -1, 2, 3 and 4 elements, at these places.
enum { GK_GATHER_BACKWARDS, GK_GATHER_2, GK_GATHER_3, GK_GATHER_4, GK_GATHERS };

typedef struct gk_copy_kernels {
  // [from][to]; NULL where copy.c composes two, through float32.
  gk_cast_fn cast[GK_DTYPE_COUNT][GK_DTYPE_COUNT];
  // float64 to float32, rounded so that rounding again to a 16-bit float is rounding once.
  gk_cast_fn to_odd;
  // By the bytes of an element:
  gk_cast_fn gather[GK_GATHERS][9];
  gk_transpose_fn transpose[9];
  gk_cast_fn stream_lines; // copies n lines of 64 bytes past the caches; the output is aligned
} gk_copy_kernels;

GK_KERNELS(gk_copy_kernels, gk_copy)

// memcpy past the caches, for an output that will not be read soon. Call gk_stream_fence
// before telling another thread.
void gk_copy_streaming(int64_t bytes, const void *in, void *out);
void gk_stream_fence(void);
// Outputs from this size on are written past the caches: a third of a common L3.
#define GK_STREAMING_BYTES ((int64_t)10 << 20)

// Calls `macro` with the unsigned type of `bytes` bytes.
#define GK_BY_SIZE(bytes, macro)                                                                   \
  switch (bytes) {                                                                                 \
  case 1:                                                                                          \
    macro(uint8_t);                                                                                \
    break;                                                                                         \
  case 2:                                                                                          \
    macro(uint16_t);                                                                               \
    break;                                                                                         \
  case 4:                                                                                          \
    macro(uint32_t);                                                                               \
    break;                                                                                         \
  default:                                                                                         \
    macro(uint64_t);                                                                               \
    break;                                                                                         \
  }

#endif
