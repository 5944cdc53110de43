// Arguments of the kernels in elementwise.cu. An operand that is NULL is a number: an element of the dtype in
// which the op computes.
#ifndef GK_KERNELS_ELEMENTWISE_H
#define GK_KERNELS_ELEMENTWISE_H

#include "strided.h"

enum { GK_ELEMENTWISE_THREADS = 256 }; // where operands are flat

// Elements of a thread there, by the size of one.
#define GK_ELEMENTWISE_FLAT(size) ((size) == 8 ? 4 : 8)

typedef struct gk_elementwise_flat {
  const void *in[3];
  void *out;
  uint64_t number[3];
  int64_t size;
  uint16_t op;
  uint8_t inputs;
  uint8_t result; // dtype of `out`
  uint8_t aligned; // all arrays begin at multiples of 16 bytes
} gk_elementwise_flat;

typedef struct gk_elementwise_strided {
  gk_strided arrays; // `in`, then `out`
  const void *in[3];
  void *out;
  uint64_t number[3];
  int64_t truth; // `where`: the bits of which one makes an element of in[0] true
  uint16_t op;
  uint8_t inputs;
} gk_elementwise_strided;

#endif
