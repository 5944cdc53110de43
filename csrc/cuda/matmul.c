// Matrix products: which kernel multiplies an op's dtypes, and how its operands are read.
// kernels/matmul.h has the forms.
#include <string.h>

#include "../kernels/matmul.h"
#include "cuda.h"
#include "layout.h"
#include "reduce.h"

#define ENOUGH_TILES 100 // of 128 x 128; fewer leave much of a device idle
#define MOST_ITEMS 65535 // of grid.z
#define ENOUGH_BLOCKS 256 // of 64 x 64; where there are fewer tiles k is cut
#define LEAST_SPAN 256    // into parts of no fewer steps

// By the dtype of all operands, or what is accumulated in.
static gk_kernel wide[GK_DTYPE_COUNT] = {
#define WIDE_wide(dtype) [GK_##dtype] = {"matmul", "matmul_wide_" #dtype, {0}},
#define WIDE_narrow(dtype)
#define KERNEL(form, dtype, ...) WIDE_##form(dtype)
    GK_MATMUL_FLOATS(KERNEL)
#undef KERNEL
};
static gk_kernel narrow[GK_DTYPE_COUNT] = {
#define NARROW_wide(dtype)
#define NARROW_narrow(dtype) [GK_##dtype] = {"matmul", "matmul_narrow_" #dtype, {0}},
#define KERNEL(form, dtype, ...) NARROW_##form(dtype)
    GK_MATMUL_FLOATS(KERNEL)
#undef KERNEL
};
static gk_kernel any[GK_DTYPE_COUNT] = {
#define KERNEL(dtype, T) [GK_##dtype] = {"matmul", "matmul_any_" #dtype, {0}},
    GK_MATMUL_ANY(KERNEL)
#undef KERNEL
};

static uint8_t sum_of(uint8_t compute) {
  switch (gk_dtypes[compute].class) {
  case GK_CLASS_FLOAT:
    return compute == GK_float64 ? GK_float64 : GK_float32;
  case GK_CLASS_SIGNED:
  case GK_CLASS_UNSIGNED:
    return gk_dtypes[compute].size == 8 ? GK_uint64 : GK_uint32;
  default:
    return compute;
  }
}

static int64_t distance(int64_t stride) { return stride < 0 ? -stride : stride; }
static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// May elements be moved by fours: is `v` aligned for that, and are all strides but one?
static bool has_fours(const gk_view *v, int64_t unit) {
  if (unit != 1 || (uintptr_t)gk_view_data(v) % (uintptr_t)(4 * gk_dtypes[v->dtype].size) != 0)
    return false;
  int others = 0;
  for (int i = 0; i < v->ndim; i++)
    if (v->shape[i] > 1 && v->strides[i] % 4 != 0) others++;
  return others <= 1; // the one of `unit`
}

static gk_matmul_operand operand_of(const gk_view *v, int across, int along) {
  gk_matmul_operand x = {.data = gk_view_data(v),
                         .across = v->strides[across],
                         .along = v->strides[along],
                         .dtype = v->dtype};
  const int64_t by_across = v->shape[across] > 1 ? distance(x.across) : INT64_MAX;
  const int64_t by_along = v->shape[along] > 1 ? distance(x.along) : INT64_MAX;
  x.by_k = by_along < by_across;
  x.packs = has_fours(v, x.by_k ? x.along : x.across);
  return x;
}

// A matrix [rows, columns] within v, whose batch axes are of length 1.
static gk_view matrix_of(const gk_view *v, int rows, int columns) {
  gk_view x = *v;
  x.ndim = 2;
  x.size = v->shape[rows] * v->shape[columns];
  x.shape[0] = v->shape[rows];
  x.shape[1] = v->shape[columns];
  x.strides[0] = v->strides[rows];
  x.strides[1] = v->strides[columns];
  return x;
}

// A product in which m or n is 1 reads one matrix once: what counts is to read it fast.
static gk_status times_vector(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *c = call->out[0];
  const int row = c->ndim - 2, column = c->ndim - 1;
  const bool by_row = c->shape[column] != 1; // a row times a matrix
  const gk_view *vector = call->in[by_row ? 0 : 1], *other = call->in[by_row ? 1 : 0];
  const gk_view matrix = by_row ? matrix_of(other, column, row) : matrix_of(other, row, column);
  const gk_view out = by_row ? matrix_of(c, column, row) : matrix_of(c, row, column);
  return gk_cuda_dot(run, &matrix, gk_view_data(vector), vector->strides[by_row ? column : row],
                     &out);
}

gk_status gk_cuda_matmul(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *a = call->in[0], *b = call->in[1], *c = call->out[0];
  if (c->size == 0) return GK_OK;
  const int row = c->ndim - 2, column = c->ndim - 1;
  gk_matmul_arguments m;
  memset(&m, 0, sizeof m);
  m.a = operand_of(a, row, column);
  m.b = operand_of(b, column, row);
  m.c = gk_view_data(c);
  m.m = c->shape[row];
  m.n = c->shape[column];
  m.k = a->shape[column];
  m.row = c->strides[row];
  m.column = c->strides[column];
  m.compute = call->compute;
  m.result = c->dtype;
  m.packs = has_fours(c, m.column);

  gk_loop batch = {.ndim = 1, .shape = {1}};
  for (int i = 0; i < row; i++) {
    if (c->shape[i] == 1) continue;
    const int at = batch.ndim++;
    batch.shape[at] = c->shape[i];
    batch.strides[0][at] = a->strides[i];
    batch.strides[1][at] = b->strides[i];
    batch.strides[2][at] = c->strides[i];
  }
  gk_layout_from_loop(&m.batch, 3, &batch);

  const bool same = a->dtype == m.compute && b->dtype == m.compute && m.result == m.compute;
  const bool plain = same && wide[m.compute].name;
  if (plain && m.batch.size == 1 && (m.m == 1 || m.n == 1) && m.k > 0) return times_vector(run);
  const int64_t tiles = divide_up(m.m, 128) * divide_up(m.n, 128) * m.batch.size;
  const bool large = plain && tiles >= ENOUGH_TILES && m.m > 64 && m.n > 64;
  gk_kernel *kernel = large   ? &wide[m.compute]
                      : plain ? &narrow[m.compute]
                              : &any[sum_of(m.compute)];
  const int64_t height = large ? 128 : 64, width = large && m.compute != GK_float64 ? 128 : 64;
  m.tiles = (uint32_t)divide_up(m.n, width);
  const int64_t blocks = divide_up(m.m, height) * m.tiles;
  int64_t parts = 1;
  if (plain && !large && m.batch.size == 1 && blocks < ENOUGH_BLOCKS / 2 && m.k >= 2 * LEAST_SPAN) {
    parts = divide_up(m.k, LEAST_SPAN);
    if (parts > ENOUGH_BLOCKS / blocks) parts = ENOUGH_BLOCKS / blocks;
  }
  m.span = m.k;
  if (parts > 1) {
    m.span = divide_up(divide_up(m.k, parts), 16) * 16;
    parts = divide_up(m.k, m.span);
    const int64_t bytes = gk_dtypes[sum_of(m.compute)].size;
    m.partial = gk_cuda_workspace(run, parts * m.m * m.n * bytes);
    if (!m.partial) return run->error->status;
  }
  const gk_grid grid = {(uint32_t)blocks, (uint32_t)parts,
                        (uint32_t)(m.batch.size < MOST_ITEMS ? m.batch.size : MOST_ITEMS)};
  gk_status status = gk_cuda_launch(run, kernel, grid, GK_MATMUL_THREADS, 0, &m);
  if (status || parts == 1) return status;
  const gk_view out = matrix_of(c, row, column);
  return gk_cuda_sum_parts(run, m.partial, sum_of(m.compute), parts, &out);
}
