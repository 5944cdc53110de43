// Arguments of the kernels in create.cu.
#ifndef GK_KERNELS_CREATE_H
#define GK_KERNELS_CREATE_H

#include "strided.h"

enum {
  GK_FILL_THREADS = 256,
  GK_FILL_VECTORS = 4, // of 16 bytes, a thread
};

// `bytes` bytes from `out` on, the first of which is the first of `pattern`.
typedef struct gk_create_fill {
  void *out;
  int64_t bytes;
  uint64_t pattern; // the element, repeated
} gk_create_fill;

typedef struct gk_create_fill_strided {
  gk_strided arrays; // `out`
  void *out;
  uint64_t value;
  uint8_t size; // of an element
} gk_create_fill_strided;

// start + i step: in whole numbers modulo 2^64 where `exact`.
typedef struct gk_create_arange {
  gk_layout layout; // of `out`
  void *out;
  uint64_t whole_start, whole_step;
  double start, step;
  uint8_t exact, dtype;
} gk_create_arange;

// `one` where the place of operand 1 of the layout is `diagonal`, else 0; operand 0 is `out`.
typedef struct gk_create_eye {
  gk_layout layout;
  void *out;
  uint64_t one;
  int64_t diagonal;
  uint8_t size; // of an element
} gk_create_eye;

#endif
