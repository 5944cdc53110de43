// Arguments of the kernels in elementwise.cu.
#ifndef GK_KERNELS_ELEMENTWISE_H
#define GK_KERNELS_ELEMENTWISE_H

#include "layout.h"

enum {
  GK_ELEMENTWISE_THREADS = 256,
  GK_ELEMENTWISE_GROUP = 4 // elements of a thread where operands are strided
};

// Elements of a thread where operands are flat, by the size of one.
#define GK_ELEMENTWISE_FLAT(size) ((size) == 8 ? 4 : 8)

// An operand that is NULL is a number: an element of the dtype in which the op computes.
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
  gk_layout layout; // of `in`, then `out`
  const void *in[3];
  void *out;
  uint64_t number[3];
  uint64_t truth; // `where`: the bits of which one makes an element of in[0] true
  uint16_t op;
  uint8_t inputs;
  uint8_t dtype[3]; // of `in`
  uint8_t result;
  uint8_t grouped; // the innermost axis falls into whole groups, or is the only one
  // Bit k: groups of operand k (3: the output) lie together and aligned, in the dtype of computation (the
  // output: in its own).
  uint8_t together;
} gk_elementwise_strided;

#endif
