// Elementwise ops: picks the loop, and runs it straight over flat operands or block by block over
// all others. float16 and bfloat16 compute in float32.
#include "elementwise.h"

#include <stddef.h>

#include "blocks.h"
#include "copy.h"

enum { SMALL = 4096 }; // elements that no thread is worth for, whatever the op

bool gk_elementwise_is_function(uint16_t op) {
  static const bool functions[GK_ELEMENTWISE_CODES] = {
      [GK_OP_rsqrt] = true,  [GK_OP_exp] = true,          [GK_OP_log] = true,
      [GK_OP_tanh] = true,   [GK_OP_cbrt] = true,         [GK_OP_expm1] = true,
      [GK_OP_exp2] = true,   [GK_OP_log1p] = true,        [GK_OP_log2] = true,
      [GK_OP_log10] = true,  [GK_OP_sin] = true,          [GK_OP_cos] = true,
      [GK_OP_tan] = true,    [GK_OP_arcsin] = true,       [GK_OP_arccos] = true,
      [GK_OP_arctan] = true, [GK_OP_sinh] = true,         [GK_OP_cosh] = true,
      [GK_OP_erf] = true,    [GK_OP_angle] = true,        [GK_OP_pow] = true,
      [GK_OP_hypot] = true,  [GK_OP_floor_divide] = true, [GK_OP_remainder] = true,
      [GK_OP_fmod] = true,   [GK_OP_arctan2] = true};
  return functions[op];
}

// Elements that take 50 to 100 us on one thread.
static int64_t grain_of(const gk_call *call, uint8_t work) {
  if (gk_elementwise_is_function(call->op)) return work == GK_float64 ? 8192 : 65536;
  if (!call->flat) return 65536; // gathers, conversions
  return ((int64_t)4 << 20) / ((call->inputs + 1) * gk_dtypes[work].size); // memory
}

// The loop that stores past the caches, or NULL.
static gk_loop_fn streaming_loop(uint16_t op, uint8_t work) {
  const gk_streaming_kernels *kernels = gk_streaming();
  for (int i = 0; kernels->rows[i].loop; i++)
    if (kernels->rows[i].op == op && kernels->rows[i].dtype == work) return kernels->rows[i].loop;
  return NULL;
}

// Everything that is not one contiguous loop on one thread.
static void run_blocks(const gk_call *call, gk_loop_fn loop, uint8_t work) {
  gk_block_job job;
  job.loop = loop;
  job.inputs = call->inputs;
  for (int k = 0; k < 3; k++) {
    job.in[k] = k < call->inputs ? call->in[k] : NULL;
    job.number[k] = call->scalar[k];
    job.through[k] = call->compute;
    job.work[k] = work;
  }
  if (call->op == GK_OP_where) {
    job.work[0] = GK_bool;
    if (job.in[0]) job.through[0] = GK_bool; // 0.5 is true, whatever the others' dtype
  }
  job.out = call->out[0];
  job.result = gk_result_dtype(call->op, work);
  job.grain = grain_of(call, work);
  job.streaming =
      gk_view_bytes(call->out[0]) < GK_STREAMING_BYTES ? NULL : streaming_loop(call->op, work);
  job.light = job.streaming || !gk_elementwise_is_function(call->op);
  gk_blocks_run(&job);
}

// Flat, with numbers: each becomes a block that serves every part.
static void run_numbers(const gk_call *call, gk_loop_fn loop, const char *const *data,
                        const int *sizes) {
  _Alignas(64) char blocks[3][GK_BLOCK_ELEMENTS * GK_ELEMENT_BYTES];
  int64_t size = call->size, part = size < GK_BLOCK_ELEMENTS ? size : GK_BLOCK_ELEMENTS;
  const char *from[3] = {NULL, NULL, NULL};
  for (int k = 0; k < call->inputs; k++) {
    from[k] = data[k];
    if (data[k]) continue;
    gk_cpu_splat(part, sizes[k], call->scalar[k].bytes, blocks[k]);
    from[k] = blocks[k];
  }
  for (int64_t i = 0; i < size; i += part) {
    int64_t n = size - i < part ? size - i : part;
    loop(n, from[0], from[1], from[2], (char *)data[3] + i * sizes[3]);
    for (int k = 0; k < call->inputs; k++)
      if (data[k]) from[k] += part * sizes[k];
  }
}

// ---- few elements, where planning blocks takes longer than the op

enum { FEW = 64 };

static void gather_few(const gk_view *v, char *to) {
  const char *data = gk_view_data(v);
  int last = v->ndim - 1; // not contiguous, and so of one axis at least
  int64_t index[GK_MAX_DIMS] = {0}, at = 0, row = v->shape[last], step = v->strides[last];
  int size = gk_dtypes[v->dtype].size;
  for (int64_t done = 0; done < v->size; done += row) {
#define GATHER(T)                                                                                  \
  for (int64_t c = 0; c < row; c++) ((T *)to)[done + c] = ((const T *)data)[at + c * step]
    GK_BY_SIZE(size, GATHER)
    for (int d = last - 1; d >= 0; d--) {
      at += v->strides[d];
      if (++index[d] < v->shape[d]) break;
      at -= v->strides[d] * v->shape[d];
      index[d] = 0;
    }
  }
}

// Arrays of the dtype that the loop takes, into an output without gaps; false for all others.
static bool run_few(const gk_call *call, gk_loop_fn loop) {
  if (call->size > FEW || call->op == GK_OP_where || !call->out[0]->contiguous) return false;
  for (int k = 0; k < call->inputs; k++)
    if (!call->in[k] || call->in[k]->dtype != call->compute) return false;
  _Alignas(64) char blocks[3][FEW * GK_ELEMENT_BYTES];
  const char *from[3] = {NULL, NULL, NULL};
  for (int k = 0; k < call->inputs; k++) {
    from[k] = call->in[k]->contiguous ? gk_view_data(call->in[k]) : blocks[k];
    if (!call->in[k]->contiguous) gather_few(call->in[k], blocks[k]);
  }
  loop(call->size, from[0], from[1], from[2], gk_view_data(call->out[0]));
  return true;
}

gk_status gk_cpu_elementwise(const gk_call *call, gk_error *error) {
  uint8_t work = call->compute;
  gk_loop_fn loop = NULL;
  if (call->op < GK_ELEMENTWISE_CODES) {
    const gk_loop_fn *loops = gk_elementwise()->loop[call->op];
    loop = loops[work];
    if (!loop && (work == GK_float16 || work == GK_bfloat16)) {
      work = GK_float32;
      loop = loops[work];
    }
  }
  if (!loop)
    return gk_error_set(error, GK_UNSUPPORTED, "%s: not available for %s on the CPU",
                        gk_op_name(call->op), gk_dtypes[call->compute].name);
  if (call->size == 0) return GK_OK;

  const gk_view *out = call->out[0];
  bool straight = call->flat && work == call->compute &&
                  (call->size <= SMALL || call->size <= grain_of(call, work));
  if (straight && call->op == GK_OP_where) straight = call->in[0] && call->in[0]->dtype == GK_bool;
  if (!straight && work == call->compute && run_few(call, loop)) return GK_OK;
  if (!straight) {
    run_blocks(call, loop, work);
    return GK_OK;
  }
  const char *data[4] = {NULL, NULL, NULL, gk_view_data(out)};
  bool numbers = false;
  for (int k = 0; k < call->inputs; k++) {
    if (call->in[k])
      data[k] = gk_view_data(call->in[k]);
    else
      numbers = true;
  }
  if (!numbers) {
    loop(call->size, data[0], data[1], data[2], (char *)data[3]);
    return GK_OK;
  }
  int size = gk_dtypes[work].size;
  int sizes[4] = {call->op == GK_OP_where ? 1 : size, size, size, gk_dtypes[out->dtype].size};
  run_numbers(call, loop, data, sizes);
  return GK_OK;
}
