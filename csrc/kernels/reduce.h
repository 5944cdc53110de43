// The kernels of the reductions and their argument.
//
// Every kind of reduction (reduce_fold.cuh says what each one keeps) has kernels for the dtypes that are
// read in packs of 16 bytes, and one, `any`, for those that are converted one by one, in two layouts:
//
//   rows     along the reduced axes: `lanes` neighbouring threads share a result, 1 to 32 or a whole
//            block; a block has GK_REDUCE_THREADS / lanes results (grid.x)
//   columns  across the innermost kept axis: `lanes` threads lie side by side, with a pack of columns each,
//            and the GK_REDUCE_THREADS / lanes lines of threads share the reduced elements; a block has a
//            tile of one innermost kept row (grid.x)
//
// grid.y cuts the reduced elements into parts of `span`. Where there are several, their accumulators go
// to `partial`, [part][result], and a third kernel, merge, makes results of them. All cuts follow
// from shapes and dtypes, so that the order of additions does as well.
#ifndef GK_KERNELS_REDUCE_H
#define GK_KERNELS_REDUCE_H

#include "layout.h"

enum { GK_REDUCE_THREADS = 256 };

// What becomes of an element and an accumulator.
enum {
  GK_REDUCE_SUM, // real, whole
  GK_REDUCE_PROD, // real, whole
  GK_REDUCE_ABS, // real: sum of absolute values,
  GK_REDUCE_SQUARE, // of squares,
  GK_REDUCE_POWER, // of absolute values to the power of `order` (only `any` has it);
  GK_REDUCE_MAX_ABS, // largest absolute value,
  GK_REDUCE_MIN_ABS, // smallest
  GK_REDUCE_COUNT, // whole: how many have a bit of `mask`
  GK_REDUCE_LARGEST, // place
  GK_REDUCE_SMALLEST // place
};

typedef struct gk_reduce_arguments {
  const void *in;
  void *out;
  void *partial; // NULL: results go to out
  gk_layout kept; // of in and out; its size is the number of results
  gk_layout reduced; // of in
  int64_t span;
  int64_t run; // rows: reduced elements that one stride leads through; 0: each is found by itself
  uint64_t mask;
  const void *factor; // dot: what the reduced elements are multiplied with, of the same dtype
  int64_t factor_stride;
  double order; // of a norm, or the correction of a variance
  uint32_t lanes;
  uint32_t tiles; // columns: of a kept row
  uint32_t parts; // of the reduced elements
  uint8_t op, step;
  uint8_t from, compute, result; // dtypes: in's, the call's, out's
  uint8_t wide; // float32 is summed as float64 throughout
  uint8_t packs; // columns: elements of a tile are aligned and side by side
  uint8_t factor_packs; // dot: factors are
  uint8_t negative; // whole: sums are those of signed integers
} gk_reduce_arguments;

// KERNEL(kind, dtype or any, type of the elements in memory)
#define GK_REDUCE_SUMS(KERNEL)                                                                     \
  KERNEL(real, float16, gk_half)                                                                   \
  KERNEL(real, bfloat16, gk_bfloat)                                                                \
  KERNEL(real, float32, float)                                                                     \
  KERNEL(real, float64, double)                                                                    \
  KERNEL(real, any, gk_any)                                                                        \
  KERNEL(pair, complex64, gk_complex)                                                              \
  KERNEL(pair, any, gk_any)
#define GK_REDUCE_DOTS(KERNEL)                                                                     \
  KERNEL(dot, float16, gk_half)                                                                    \
  KERNEL(dot, bfloat16, gk_bfloat)                                                                 \
  KERNEL(dot, float32, float)                                                                      \
  KERNEL(dot, float64, double)
#define GK_REDUCE_WHOLES(KERNEL)                                                                   \
  KERNEL(whole, int8, int8_t)                                                                      \
  KERNEL(whole, uint8, uint8_t)                                                                    \
  KERNEL(whole, int16, int16_t)                                                                    \
  KERNEL(whole, uint16, uint16_t)                                                                  \
  KERNEL(whole, int32, int32_t)                                                                    \
  KERNEL(whole, uint32, uint32_t)                                                                  \
  KERNEL(whole, uint64, uint64_t)                                                                  \
  KERNEL(whole, any, gk_any)
#define GK_REDUCE_PLACES(KERNEL)                                                                   \
  KERNEL(place, int8, int8_t)                                                                      \
  KERNEL(place, uint8, uint8_t)                                                                    \
  KERNEL(place, int16, int16_t)                                                                    \
  KERNEL(place, uint16, uint16_t)                                                                  \
  KERNEL(place, int32, int32_t)                                                                    \
  KERNEL(place, uint32, uint32_t)                                                                  \
  KERNEL(place, int64, int64_t)                                                                    \
  KERNEL(place, uint64, uint64_t)                                                                  \
  KERNEL(place, float16, gk_half)                                                                  \
  KERNEL(place, bfloat16, gk_bfloat)                                                               \
  KERNEL(place, float32, float)                                                                    \
  KERNEL(place, float64, double)
#define GK_REDUCE_MOMENTS(KERNEL)                                                                  \
  KERNEL(moments, float16, gk_half)                                                                \
  KERNEL(moments, bfloat16, gk_bfloat)                                                             \
  KERNEL(moments, float32, float)                                                                  \
  KERNEL(moments, float64, double)                                                                 \
  KERNEL(moments, any, gk_any)                                                                     \
  KERNEL(log, float16, gk_half)                                                                    \
  KERNEL(log, bfloat16, gk_bfloat)                                                                 \
  KERNEL(log, float32, float)                                                                      \
  KERNEL(log, float64, double)                                                                     \
  KERNEL(log, any, gk_any)

#endif
