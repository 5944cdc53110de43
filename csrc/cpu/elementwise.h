// What elementwise_simd.c gives to elementwise.c: the loops of one instruction set.
#ifndef GK_CPU_ELEMENTWISE_H
#define GK_CPU_ELEMENTWISE_H

#include "cpu.h"

typedef struct gk_elementwise_kernels {
  // [op][dtype in which it computes]; NULL where elementwise.c goes through float32 (float16 and
  // bfloat16), and where the op does not take the dtype. Predicates write bool, all others the
  // dtype itself; operand 0 of `where` is bool.
  gk_loop_fn loop[GK_ELEMENTWISE_CODES][GK_DTYPE_COUNT];
} gk_elementwise_kernels;

GK_KERNELS(gk_elementwise_kernels, gk_elementwise)

// Ops that memory bounds, once more for outputs that no cache holds: they store past the caches, a
// third less traffic. Call gk_stream_fence after one.
typedef struct gk_streaming_kernels {
  struct {
    uint16_t op, dtype; // in which it computes
    gk_loop_fn loop;    // NULL ends the list
  } rows[48];
} gk_streaming_kernels;

GK_KERNELS(gk_streaming_kernels, gk_streaming)

// Does the op compute so much (exp, sin, pow) that memory does not bound it?
bool gk_elementwise_is_function(uint16_t op);

#endif
