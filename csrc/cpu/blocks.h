// One pass over the broadcast shape of some operands, by blocks that fit in L1: how every elementwise
// op and copy that is more than one contiguous loop runs. Operands that are strided, broadcast or
// of another dtype are gathered and converted into a block first, so that inner loops only ever
// see contiguous elements of one dtype.
#ifndef GK_CPU_BLOCKS_H
#define GK_CPU_BLOCKS_H

#include "cpu.h"

#define GK_BLOCK_ELEMENTS 512
#define GK_ELEMENT_BYTES 8 // of the largest dtype

typedef struct gk_block_job {
  gk_loop_fn loop; // NULL: operand 0 itself, in dtype `result`
  int inputs;
  const gk_view *in[3]; // broadcast to out's shape; NULL: the number beside it
  gk_scalar number[3]; // an element of dtype `through`
  // Operand i becomes `through`, and from that `work`, which is what `loop` takes: float16 for
  // instance computes in float32, but an int32 operand must first be rounded to float16.
  uint8_t through[3], work[3];
  const gk_view *out;
  uint8_t result; // dtype that `loop` writes, converted to out's
  int64_t grain; // elements that are worth a thread
  // Bound by memory, so that a large output is best written past the caches. A loop that
  // computes more (exp) is faster when it stores for itself.
  bool light;
  gk_loop_fn streaming; // the loop once more, itself storing past the caches; or NULL
} gk_block_job;

void gk_blocks_run(const gk_block_job *job);

#endif
