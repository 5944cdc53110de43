// What every file of device code begins with: how a kernel is declared, the codes of ops and dtypes, and
// the report of an index that is out of range.
//
// A kernel has one argument, a struct of C that its host file fills as well: declared in <family>.h beside
// <family>.cu. Kernels are found by their names, which are those of C.
#pragma once

#include "fault.h"

#ifndef GK_KERNEL
#define GK_KERNEL(threads, name, Arguments)                                                        \
  extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Arguments a)
// One that needs no more registers than leave room for `blocks` at a time on a multiprocessor.
#define GK_KERNEL_OF(blocks, threads, name, Arguments)                                             \
  extern "C" __global__ void __launch_bounds__(threads, blocks)                                    \
      name(const __grid_constant__ Arguments a)
#else
#define GK_KERNEL_OF(blocks, threads, name, Arguments) GK_KERNEL(threads, name, Arguments)
#endif

enum {
#define GK_OP(code, name, family, arity, accepts, compute, result, summary) GK_OP_##name = code,
#include "../core/ops.def"
#undef GK_OP
};

enum {
#define GK_DTYPE(index, name, type, class, dlpack, bits) GK_##name = index,
#include "../core/dtypes.def"
#undef GK_DTYPE
};

#ifndef GK_UNROLL
#if defined(__CUDACC__)
#define GK_UNROLL _Pragma("unroll")
#else
#define GK_UNROLL
#endif
#endif

// The first index out of range of an op is reported; the rest of the op goes on. Of the threads of a warp that
// come here together only the first goes on: an atomic in the host's memory takes long. Blocks are of one
// dimension.
static __device__ inline void gk_report_index(gk_fault_record *fault, int op, int axis,
                                              int64_t index, int64_t length) {
  if (__ffs((int)__activemask()) - 1 != (int)(threadIdx.x % 32)) return;
  if (atomicExch(&fault->raised, 1u) != 0) return;
  fault->op = op;
  fault->axis = axis;
  fault->index = index;
  fault->length = length;
}
