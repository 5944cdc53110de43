// Running sums and products on CUDA: which kernel takes a call's lines, and how they are cut. See
// kernels/scan.h.
#include "../kernels/scan.h"

#include <stdlib.h>

#include "layout.h"

// Lines of at most as many elements are a matter of warps, and longer ones where there are enough of them.
#define SHORT_LINE 1024
#define MANY_LINES 4096
#define MEDIUM_LINE 16384
#define FEW_COLUMNS 4 // that are not worth reading side by side
#define ENOUGH_BLOCKS 512
#define MOST_BLOCKS 1024
#define LEAST_ROUNDS 4 // of a segment

enum { KIND_real, KIND_whole, KIND_pair, KIND_factors, KIND_whole_factors, KINDS };

static struct {
  gk_kernel any, lines, columns;
  int state; // bytes
} kinds[KINDS] = {
#define KIND(module, kind, bytes)                                                                  \
  [KIND_##kind] = {{module, "scan_tiles_" #kind "_any", {0}},                                      \
                   {module, "scan_lines_" #kind, {0}},                                             \
                   {module, "scan_columns_" #kind, {0}},                                           \
                   bytes}
    KIND("scan_sum", real, 8),
    KIND("scan_sum", whole, 8),
    KIND("scan_sum", pair, 16),
    KIND("scan_product", factors, 24),
    KIND("scan_product", whole_factors, 8),
};
static gk_kernel tiles[GK_DTYPE_COUNT] = {
#define KERNEL(kind, dtype, T) [GK_##dtype] = {"scan_sum", "scan_tiles_" #kind "_" #dtype, {0}},
    GK_SCAN_SUMS(KERNEL)};

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

static int kind_of(const gk_call *call) {
  const bool product = call->op == GK_OP_cumprod;
  const uint8_t class = gk_dtypes[call->compute].class;
  if (class == GK_CLASS_COMPLEX) return KIND_pair;
  if (class == GK_CLASS_FLOAT) return product ? KIND_factors : KIND_real;
  return product ? KIND_whole_factors : KIND_whole;
}

static uint8_t of_64_bits(uint8_t dtype) { return dtype == GK_uint64 ? GK_int64 : dtype; }

// The dtype of the kernel that has these for its own, or 0.
static uint8_t own_dtype(const gk_scan_arguments *a, int kind) {
  const uint8_t from = of_64_bits(a->from), result = of_64_bits(a->result);
  if ((kind == KIND_real || kind == KIND_pair) && from == result && tiles[from].name) return from;
  if (kind == KIND_whole && result == GK_int64 && (from == GK_int32 || from == GK_int64))
    return from;
  return 0;
}

// Do runs of `count` neighbours along the lines lie together and aligned in operand k?
static bool lies_together(const gk_layout *lines, int k, const gk_view *v, int64_t step,
                          int count) {
  const int size = gk_dtypes[v->dtype].size;
  const int bytes = count * size < 16 ? count * size : 16;
  if (step != 1 || (uintptr_t)gk_view_data(v) % (uintptr_t)bytes) return false;
  for (uint32_t d = 0; d < lines->ndim; d++)
    if (lines->axis[d].stride[k] * size % bytes) return false;
  return true;
}

static void set_packs(gk_scan_arguments *a, const gk_call *call, int run) {
  a->in_packs = lies_together(&a->lines, 0, call->in[0], a->in_step, run);
  a->out_packs = lies_together(&a->lines, 1, call->out[0], a->out_step, run);
}

static gk_status run_lines(const gk_cuda_run *run, gk_scan_arguments *a, int kind) {
  set_packs(a, run->call, GK_SCAN_RUN);
  a->lanes = 1;
  while (a->lanes < 32 && a->lanes * GK_SCAN_RUN < a->length) a->lanes *= 2;
  const int64_t blocks = divide_up(a->lines.size, GK_SCAN_THREADS / a->lanes);
  return gk_cuda_launch(run, &kinds[kind].lines, (gk_grid){(uint32_t)blocks, 1, 1}, GK_SCAN_THREADS,
                        0, a);
}

static gk_status run_tiles(const gk_cuda_run *run, gk_scan_arguments *a, int kind) {
  const uint8_t own = own_dtype(a, kind);
  const int size = own ? gk_dtypes[own].size : 0;
  set_packs(a, run->call, own ? 16 / size : GK_SCAN_RUN);
  a->tiles = (uint32_t)divide_up(a->length, GK_SCAN_TILE(size));
  a->groups = (uint32_t)divide_up(a->tiles, GK_SCAN_GROUP);
  a->chain = (uint32_t)divide_up(a->groups, GK_SCAN_GROUP);
  if (a->tiles > 1) {
    const int64_t words = a->lines.size * kinds[kind].state / 4; // of one state a line
    const int64_t bytes = 8 * (words * ((int64_t)a->tiles + a->groups + a->chain) + 1);
    uint64_t *memory = gk_cuda_workspace(run, bytes);
    if (!memory || gk_cuda_clear(run, memory, bytes) != GK_OK) return run->error->status;
    a->tile_states = memory;
    a->group_states = a->tile_states + words * a->tiles;
    a->chain_states = a->group_states + words * a->groups;
    a->ticket = (uint32_t *)(void *)(a->chain_states + words * a->chain);
  }
  const int64_t blocks = a->lines.size * a->tiles;
  return gk_cuda_launch(run, own ? &tiles[own] : &kinds[kind].any,
                        (gk_grid){(uint32_t)blocks, 1, 1}, GK_SCAN_THREADS, 0, a);
}

static gk_status run_columns(const gk_cuda_run *run, gk_scan_arguments *a, int kind) {
  // As many side by side as leave the other threads something to do.
  a->lanes = 8;
  while (a->lanes < 32 && a->lanes < a->lines.size) a->lanes *= 2;
  while (a->lanes < GK_SCAN_THREADS && GK_SCAN_THREADS / a->lanes * GK_SCAN_RUN > a->length &&
         GK_SCAN_THREADS / a->lanes > 1)
    a->lanes *= 2;
  const int64_t blocks = divide_up(a->lines.size, a->lanes);
  const int64_t round = GK_SCAN_THREADS / a->lanes * GK_SCAN_RUN;
  int64_t segments = 1;
  if (blocks < ENOUGH_BLOCKS)
    segments = smaller(a->length / (LEAST_ROUNDS * round), MOST_BLOCKS / blocks);
  a->span = segments > 1 ? divide_up(divide_up(a->length, segments), round) * round : a->length;
  segments = divide_up(a->length, a->span);
  if (segments > 1) {
    a->before = gk_cuda_workspace(run, segments * a->lines.size * kinds[kind].state);
    if (!a->before) return run->error->status;
    a->totals = true;
    const gk_grid grid = {(uint32_t)blocks, (uint32_t)segments - 1, 1};
    const gk_status status = gk_cuda_launch(run, &kinds[kind].columns, grid, GK_SCAN_THREADS, 0, a);
    if (status != GK_OK) return status;
    a->totals = false;
  }
  return gk_cuda_launch(run, &kinds[kind].columns,
                        (gk_grid){(uint32_t)blocks, (uint32_t)segments, 1}, GK_SCAN_THREADS, 0, a);
}

gk_status gk_cuda_scan(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *in = call->in[0], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  const bool cuts = gk_dtypes[in->dtype].class == GK_CLASS_FLOAT &&
                    gk_dtypes[call->compute].class != GK_CLASS_FLOAT &&
                    gk_dtypes[call->compute].class != GK_CLASS_COMPLEX;
  gk_scan_arguments a = {.in = gk_view_data(in),
                         .out = gk_view_data(out),
                         .length = 1,
                         .from = in->dtype,
                         .result = out->dtype,
                         .result_bytes = (uint8_t)gk_dtypes[out->dtype].size,
                         .cut = cuts ? call->compute : 0};
  gk_view rest_in = *in, rest_out = *out;
  if (in->ndim) {
    const int axis = call->axis;
    a.length = in->shape[axis];
    a.in_step = in->strides[axis];
    a.out_step = out->strides[axis];
    rest_in.shape[axis] = rest_out.shape[axis] = 1;
    rest_in.strides[axis] = rest_out.strides[axis] = 0;
  }
  rest_in.size = rest_out.size = out->size / a.length;
  gk_loop loop;
  gk_loop_build_ordered(&loop, 2, (const gk_view *[]){&rest_in, &rest_out});
  gk_layout_from_loop(&a.lines, 2, &loop);

  const int kind = kind_of(call);
  const int inner = loop.ndim - 1;
  const bool side_by_side = a.length > 1 && loop.shape[inner] > FEW_COLUMNS &&
                            llabs(loop.strides[1][inner]) < llabs(a.out_step);
  if (side_by_side) return run_columns(run, &a, kind);
  const bool many = a.lines.size >= MANY_LINES && a.length <= MEDIUM_LINE;
  return a.length <= SHORT_LINE || many ? run_lines(run, &a, kind) : run_tiles(run, &a, kind);
}
