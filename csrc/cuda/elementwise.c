// Elementwise ops: picks the kernel by dtype and by how the operands lie, and launches it once.
#include <string.h>

#include "cuda.h"
#include "layout.h"

#include "../kernels/elementwise.h"

enum {
  LIGHT = 1,
  FUNCTION,
  SHORT_FUNCTION,  // has a flat kernel for floats of up to 32 bits
  COMPLEX_FUNCTION // light but for complex64
};

static const uint8_t kinds[GK_ELEMENTWISE_CODES] = {
    [GK_OP_neg] = LIGHT,
    [GK_OP_abs] = COMPLEX_FUNCTION,
    [GK_OP_square] = LIGHT,
    [GK_OP_sqrt] = LIGHT,
    [GK_OP_reciprocal] = COMPLEX_FUNCTION,
    [GK_OP_exp] = SHORT_FUNCTION,
    [GK_OP_log] = SHORT_FUNCTION,
    [GK_OP_tanh] = SHORT_FUNCTION,
    [GK_OP_floor] = LIGHT,
    [GK_OP_isnan] = LIGHT,
    [GK_OP_logical_not] = LIGHT,
    [GK_OP_relu] = LIGHT,
    [GK_OP_sign] = LIGHT,
    [GK_OP_cbrt] = FUNCTION,
    [GK_OP_rsqrt] = SHORT_FUNCTION,
    [GK_OP_expm1] = SHORT_FUNCTION,
    [GK_OP_exp2] = SHORT_FUNCTION,
    [GK_OP_log1p] = SHORT_FUNCTION,
    [GK_OP_log2] = SHORT_FUNCTION,
    [GK_OP_log10] = SHORT_FUNCTION,
    [GK_OP_sin] = FUNCTION,
    [GK_OP_cos] = FUNCTION,
    [GK_OP_tan] = FUNCTION,
    [GK_OP_arcsin] = FUNCTION,
    [GK_OP_arccos] = FUNCTION,
    [GK_OP_arctan] = FUNCTION,
    [GK_OP_sinh] = FUNCTION,
    [GK_OP_cosh] = FUNCTION,
    [GK_OP_erf] = SHORT_FUNCTION,
    [GK_OP_ceil] = LIGHT,
    [GK_OP_round] = LIGHT,
    [GK_OP_trunc] = LIGHT,
    [GK_OP_isinf] = LIGHT,
    [GK_OP_isfinite] = LIGHT,
    [GK_OP_bitwise_not] = LIGHT,
    [GK_OP_conj] = LIGHT,
    [GK_OP_angle] = COMPLEX_FUNCTION,
    [GK_OP_add] = LIGHT,
    [GK_OP_sub] = LIGHT,
    [GK_OP_mul] = LIGHT,
    [GK_OP_div] = COMPLEX_FUNCTION,
    [GK_OP_maximum] = LIGHT,
    [GK_OP_minimum] = LIGHT,
    [GK_OP_equal] = LIGHT,
    [GK_OP_not_equal] = LIGHT,
    [GK_OP_less] = LIGHT,
    [GK_OP_less_equal] = LIGHT,
    [GK_OP_greater] = LIGHT,
    [GK_OP_greater_equal] = LIGHT,
    [GK_OP_logical_and] = LIGHT,
    [GK_OP_logical_or] = LIGHT,
    [GK_OP_floor_divide] = FUNCTION,
    [GK_OP_remainder] = FUNCTION,
    [GK_OP_fmod] = FUNCTION,
    [GK_OP_pow] = FUNCTION,
    [GK_OP_hypot] = FUNCTION,
    [GK_OP_arctan2] = FUNCTION,
    [GK_OP_logical_xor] = LIGHT,
    [GK_OP_bitwise_and] = LIGHT,
    [GK_OP_bitwise_or] = LIGHT,
    [GK_OP_bitwise_xor] = LIGHT,
    [GK_OP_left_shift] = LIGHT,
    [GK_OP_right_shift] = LIGHT,
    [GK_OP_where] = LIGHT,
    [GK_OP_fma] = LIGHT,
    [GK_OP_clip] = LIGHT,
    [GK_OP_is_within] = COMPLEX_FUNCTION,
};

#define GK_DTYPE(index, dtype, type, class, dlpack, bits)                                          \
  [index] = {.module = "elementwise", .name = "elementwise_flat_" #dtype},
static gk_kernel flat_kernels[GK_DTYPE_COUNT] = {
#include "../core/dtypes.def"
};
#undef GK_DTYPE
#define GK_DTYPE(index, dtype, type, class, dlpack, bits)                                          \
  [index] = {.module = "elementwise", .name = "elementwise_light_" #dtype},
static gk_kernel light_kernels[GK_DTYPE_COUNT] = {
#include "../core/dtypes.def"
};
#undef GK_DTYPE
#define GK_DTYPE(index, dtype, type, class, dlpack, bits)                                          \
  [index] = {.module = "elementwise", .name = "elementwise_function_" #dtype},
static gk_kernel function_kernels[GK_DTYPE_COUNT] = {
#include "../core/dtypes.def"
};
#undef GK_DTYPE

static gk_kernel short_kernels[GK_DTYPE_COUNT] = {
    [GK_float16] = {.module = "elementwise", .name = "elementwise_short_float16"},
    [GK_bfloat16] = {.module = "elementwise", .name = "elementwise_short_bfloat16"},
    [GK_float32] = {.module = "elementwise", .name = "elementwise_short_float32"},
};

static gk_status run_flat(const gk_cuda_run *run, gk_kernel *kernel) {
  const gk_call *call = run->call;
  gk_elementwise_flat a = {.out = gk_view_data(call->out[0]),
                           .size = call->size,
                           .op = call->op,
                           .inputs = call->inputs,
                           .result = call->out[0]->dtype};
  uintptr_t places = (uintptr_t)a.out;
  for (int k = 0; k < call->inputs; k++) {
    if (!call->in[k]) {
      memcpy(&a.number[k], call->scalar[k].bytes, gk_dtypes[call->compute].size);
      continue;
    }
    a.in[k] = gk_view_data(call->in[k]);
    places |= (uintptr_t)a.in[k];
  }
  a.aligned = places % 16 == 0;
  int64_t block = GK_ELEMENTWISE_THREADS * GK_ELEMENTWISE_FLAT(gk_dtypes[call->compute].size);
  return gk_cuda_launch(run, kernel, gk_grid_of(call->size, block), GK_ELEMENTWISE_THREADS, 0, &a);
}

// The bits of which one makes an element true: all but the sign of a zero.
static int64_t truth_of(uint8_t dtype) {
  switch (dtype) {
  case GK_float16:
  case GK_bfloat16:
    return 0x7fff;
  case GK_float32:
    return 0x7fffffff;
  case GK_float64:
    return INT64_MAX;
  case GK_complex64:
    return 0x7fffffff7fffffff;
  default:
    return -1;
  }
}

static gk_status run_strided(const gk_cuda_run *run, gk_kernel *kernel) {
  const gk_call *call = run->call;
  const gk_view *views[4] = {NULL, NULL, NULL, call->out[0]};
  gk_elementwise_strided a = {
      .out = gk_view_data(call->out[0]), .op = call->op, .inputs = call->inputs};
  for (int k = 0; k < call->inputs; k++) {
    if (!call->in[k]) {
      memcpy(&a.number[k], call->scalar[k].bytes, gk_dtypes[call->compute].size);
      continue;
    }
    views[k] = call->in[k];
    a.in[k] = gk_view_data(call->in[k]);
  }
  gk_strided_build(&a.arrays, 4, views);
  a.truth = truth_of(a.arrays.dtype[0]);
  return gk_cuda_launch(run, kernel, gk_grid_of(call->size, GK_STRIDED_BLOCK), GK_STRIDED_THREADS,
                        0, &a);
}

gk_status gk_cuda_elementwise(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  uint8_t kind = call->op < GK_ELEMENTWISE_CODES ? kinds[call->op] : 0;
  if (!kind)
    return gk_error_set(run->error, GK_UNSUPPORTED, "%s: not available on %s", gk_op_name(call->op),
                        run->stream->device->name);
  if (call->size == 0) return GK_OK;
  if (kind == COMPLEX_FUNCTION) kind = call->compute == GK_complex64 ? FUNCTION : LIGHT;
  if (kind == SHORT_FUNCTION && call->flat && short_kernels[call->compute].name)
    return run_flat(run, &short_kernels[call->compute]);
  if (kind != LIGHT) return run_strided(run, &function_kernels[call->compute]);
  bool flat = call->flat;
  if (call->op == GK_OP_where && call->in[0]) flat &= call->in[0]->dtype == GK_bool;
  return flat ? run_flat(run, &flat_kernels[call->compute])
              : run_strided(run, &light_kernels[call->compute]);
}
