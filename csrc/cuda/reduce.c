// Reductions: which kernel folds an op's dtypes, along which axes, and how the work is cut. Every
// choice follows from dtypes, shapes and strides, never from the device, so that the order of additions
// does as well. kernels/reduce.h has the layouts that are chosen from.
#include <math.h>
#include <string.h>

#include "../kernels/reduce.h"
#include "cuda.h"
#include "layout.h"
#include "reduce.h"

#define ENOUGH_BLOCKS 1024 // that the reduced elements are not cut for more
#define MOST_BLOCKS 4096 // of rows and their parts
#define SHORT_SUM                                                                                  \
  64 // elements; fewer are all summed as float64, so that nothing overflows on the way
#define ENOUGH_THREADS 32768

enum { GK_any = 0 };
typedef enum kind {
  KIND_real,
  KIND_pair,
  KIND_whole,
  KIND_place,
  KIND_moments,
  KIND_log,
  KIND_dot
} kind;

// ---- kernels

static struct {
  gk_kernel rows, columns;
} kernels[][GK_DTYPE_COUNT] = {
#define KERNEL(module, kind, dtype)                                                                \
  [KIND_##kind][GK_##dtype] = {{module, "reduce_rows_" #kind "_" #dtype, {0}},                     \
                               {module, "reduce_columns_" #kind "_" #dtype, {0}}},
#define SUM(kind, dtype, T) KERNEL("reduce_sum", kind, dtype)
#define DOT(kind, dtype, T) KERNEL("reduce_dot", kind, dtype)
#define WHOLE(kind, dtype, T) KERNEL("reduce_whole", kind, dtype)
#define PLACE(kind, dtype, T) KERNEL("reduce_place", kind, dtype)
#define MOMENTS(kind, dtype, T) KERNEL("reduce_moments", kind, dtype)
    GK_REDUCE_SUMS(SUM) GK_REDUCE_DOTS(DOT) GK_REDUCE_WHOLES(WHOLE) GK_REDUCE_PLACES(PLACE)
        GK_REDUCE_MOMENTS(MOMENTS)};

// By what threads hand on, with its bytes.
typedef struct merge {
  gk_kernel kernel;
  int bytes;
} merge;
static merge merges[] = {
    [KIND_real] = {{"reduce_sum", "reduce_merge_real", {0}}, 8},
    [KIND_dot] = {{"reduce_sum", "reduce_merge_real", {0}}, 8},
    [KIND_pair] = {{"reduce_sum", "reduce_merge_pair", {0}}, 16},
    [KIND_whole] = {{"reduce_whole", "reduce_merge_whole", {0}}, 8},
    [KIND_moments] = {{"reduce_moments", "reduce_merge_moments", {0}}, 24},
    [KIND_log] = {{"reduce_moments", "reduce_merge_log", {0}}, 16},
};
static merge merge_int64 = {{"reduce_place", "reduce_merge_place_int64", {0}}, 16},
             merge_uint64 = {{"reduce_place", "reduce_merge_place_uint64", {0}}, 16},
             merge_float32 = {{"reduce_place", "reduce_merge_place_float32", {0}}, 16},
             merge_float64 = {{"reduce_place", "reduce_merge_place_float64", {0}}, 16};

// ---- dtypes

typedef struct plan {
  gk_reduce_arguments a;
  kind kind;
  uint8_t dtype; // of the kernel, 0 for any
  gk_loop kept, reduced;
  bool columns;
} plan;

static uint8_t class_of(uint8_t dtype) { return gk_dtypes[dtype].class; }
static bool is_float(uint8_t dtype) { return class_of(dtype) == GK_CLASS_FLOAT; }
static uint8_t unsigned_of(uint8_t dtype) {
  int size = gk_dtypes[dtype].size;
  return size == 1 ? GK_uint8 : size == 2 ? GK_uint16 : size == 4 ? GK_uint32 : GK_uint64;
}

static void choose_count(plan *p) {
  const uint64_t signs = is_float(p->a.from) ? (uint64_t)1 << (gk_dtypes[p->a.from].bits - 1)
                         : p->a.from == GK_complex64 ? UINT64_C(0x8000000080000000)
                                                     : 0;
  p->kind = KIND_whole;
  p->dtype = unsigned_of(p->a.from);
  p->a.step = GK_REDUCE_COUNT;
  p->a.mask = ~signs; // -0 is not true
}

static void choose_sum(plan *p) {
  const uint8_t from = p->a.from, compute = p->a.compute;
  const bool prod = p->a.op == GK_OP_prod;
  p->a.step = prod ? GK_REDUCE_PROD : GK_REDUCE_SUM;
  if (class_of(compute) == GK_CLASS_COMPLEX) {
    p->kind = KIND_pair;
    p->dtype = from == GK_complex64 ? GK_complex64 : GK_any;
  } else if (is_float(from) && is_float(compute)) {
    p->kind = KIND_real;
    p->dtype = from;
  } else if (is_float(compute) && (prod || gk_dtypes[from].size == 8)) {
    p->kind = KIND_real; // would wrap as integers, while sums of smaller ones are exact
    p->dtype = GK_any;
  } else if (is_float(from)) { // cut to integers first
    p->kind = KIND_whole;
    p->dtype = GK_any;
    p->a.negative = class_of(compute) == GK_CLASS_SIGNED;
    if (compute == GK_bool) p->a.step = GK_REDUCE_COUNT;
  } else if (from == GK_bool) {
    choose_count(p);
  } else {
    p->kind = KIND_whole;
    p->dtype = from == GK_int64 ? GK_uint64 : from;
    p->a.negative = class_of(from) == GK_CLASS_SIGNED;
  }
}

static void choose_place(plan *p) {
  p->kind = KIND_place;
  p->dtype = p->a.from == GK_bool ? GK_uint8 : p->a.from;
  const bool largest = p->a.op == GK_OP_max || p->a.op == GK_OP_argmax;
  p->a.step = largest ? GK_REDUCE_LARGEST : GK_REDUCE_SMALLEST;
}

static void choose_moments(plan *p) {
  p->kind = KIND_moments;
  p->dtype = is_float(p->a.from) ? p->a.from : GK_any;
}

static void choose_log(plan *p) {
  p->kind = KIND_log; // e to the power of float32 has its precision
  p->dtype = is_float(p->a.from) && p->a.compute != GK_float64 ? p->a.from : GK_any;
  if (p->a.from == GK_float64) p->dtype = GK_float64;
}

static void choose_norm(plan *p) {
  const double order = p->a.order;
  if (order == 0) {
    choose_count(p);
    return;
  }
  p->kind = KIND_real;
  p->a.step = order == 1      ? GK_REDUCE_ABS
              : order == 2    ? GK_REDUCE_SQUARE
              : !isinf(order) ? GK_REDUCE_POWER
              : order > 0     ? GK_REDUCE_MAX_ABS
                              : GK_REDUCE_MIN_ABS;
  p->dtype = is_float(p->a.from) && p->a.step != GK_REDUCE_POWER ? p->a.from : GK_any;
}

static const struct {
  uint16_t op;
  void (*choose)(plan *p);
} ops[] = {
    {GK_OP_sum, choose_sum},       {GK_OP_mean, choose_sum},
    {GK_OP_prod, choose_sum},      {GK_OP_min, choose_place},
    {GK_OP_max, choose_place},     {GK_OP_argmin, choose_place},
    {GK_OP_argmax, choose_place},  {GK_OP_any, choose_count},
    {GK_OP_all, choose_count},     {GK_OP_var, choose_moments},
    {GK_OP_std, choose_moments},   {GK_OP_norm, choose_norm},
    {GK_OP_logsumexp, choose_log}, {GK_OP_count_nonzero, choose_count},
};

static merge *merge_of(const plan *p) {
  if (p->kind != KIND_place) return &merges[p->kind];
  return p->dtype == GK_float64                  ? &merge_float64
         : is_float(p->dtype)                    ? &merge_float32
         : class_of(p->dtype) == GK_CLASS_SIGNED ? &merge_int64
                                                 : &merge_uint64;
}

// ---- axes

static int64_t distance(int64_t stride) {
  return stride == 0 ? INT64_MAX : stride < 0 ? -stride : stride; // repeated ones outermost
}

// The axes of `mask`, merged; where order does not matter also sorted by stride and all forward.
static void build_axes(gk_loop *loop, plan *p, const gk_view *in, const gk_view *out, uint32_t mask,
                       bool any_order) {
  int n = 0;
  for (int i = 0; i < in->ndim; i++) {
    if (!(mask >> i & 1) || in->shape[i] == 1) continue;
    int64_t from = in->strides[i], to = out->shape[i] == 1 ? 0 : out->strides[i];
    if (any_order && from < 0 && in->size > 0) {
      p->a.in = (const char *)p->a.in + from * (in->shape[i] - 1) * gk_dtypes[in->dtype].size;
      p->a.out = (char *)p->a.out + to * (in->shape[i] - 1) * gk_dtypes[out->dtype].size;
      from = -from;
      to = -to;
    }
    int at = n++;
    for (; any_order && at > 0 && distance(loop->strides[0][at - 1]) < distance(from); at--) {
      loop->shape[at] = loop->shape[at - 1];
      loop->strides[0][at] = loop->strides[0][at - 1];
      loop->strides[1][at] = loop->strides[1][at - 1];
    }
    loop->shape[at] = in->shape[i];
    loop->strides[0][at] = from;
    loop->strides[1][at] = to;
  }
  int last = 0;
  for (int i = 1; i < n; i++) {
    if (loop->strides[0][last] == loop->strides[0][i] * loop->shape[i] &&
        loop->strides[1][last] == loop->strides[1][i] * loop->shape[i])
      loop->shape[last] *= loop->shape[i];
    else
      loop->shape[++last] = loop->shape[i];
    loop->strides[0][last] = loop->strides[0][i];
    loop->strides[1][last] = loop->strides[1][i];
  }
  loop->ndim = last + 1;
  if (n == 0) loop->shape[0] = 1, loop->strides[0][0] = loop->strides[1][0] = 0;
}

// ---- cuts

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
// The power of two from n on, at most `most`, which is one.
static int64_t power_from(int64_t n, int64_t most) {
  int64_t power = 1;
  while (power < n && power < most) power *= 2;
  return power;
}

// Elements in a pack along a row, and columns of a thread.
static int64_t row_pack(const plan *p) {
  const gk_loop *r = &p->reduced;
  bool packed = p->dtype != GK_any && r->strides[0][r->ndim - 1] == 1;
  return packed ? 16 / gk_dtypes[p->dtype].size : 1;
}
static int64_t column_pack(const plan *p) {
  return p->dtype == GK_any ? 1 : gk_dtypes[p->dtype].size > 4 ? 2 : 4;
}

static bool try_columns(plan *p) {
  const gk_loop *k = &p->kept, *r = &p->reduced;
  const int inner = k->ndim - 1;
  const int64_t size = p->a.reduced.size, n = column_pack(p);
  if (p->a.kept.size < 2 || size == 0) return false;
  if (distance(k->strides[0][inner]) >= distance(r->strides[0][r->ndim - 1])) return false;
  const int64_t needed = divide_up(k->shape[inner], n);
  int64_t across = power_from(needed, 32);
  while (across < GK_REDUCE_THREADS && GK_REDUCE_THREADS / across > size / 4) across *= 2;
  if (needed < across / 2) return false; // most threads would have no column
  p->a.lanes = (uint32_t)across;
  p->a.tiles = (uint32_t)divide_up(needed, across);
  bool packs = k->strides[0][inner] == 1 && k->shape[inner] % n == 0 &&
               (uintptr_t)p->a.in % (uintptr_t)(n * gk_dtypes[p->a.from].size) == 0;
  for (int i = 0; i < inner; i++) packs &= k->strides[0][i] % n == 0;
  for (int i = 0; i < r->ndim; i++) packs &= r->strides[0][i] % n == 0;
  p->a.packs = packs && p->dtype != GK_any;
  return true;
}

// Cuts the reduced elements into parts of at least `least`, until there are enough blocks.
static void cut(plan *p, int64_t blocks, int64_t least, int64_t most) {
  const int64_t size = p->a.reduced.size;
  p->a.span = size;
  p->a.parts = 1;
  if (blocks >= ENOUGH_BLOCKS || size <= 4 * least) return;
  const int64_t parts = smaller(divide_up(size, least), divide_up(most, blocks));
  p->a.span = divide_up(divide_up(size, parts), least) * least;
  p->a.parts = (uint32_t)divide_up(size, p->a.span);
}

// Blocks in grid.x.
static int64_t cut_columns(plan *p) {
  const int64_t blocks = p->a.kept.size / p->kept.shape[p->kept.ndim - 1] * p->a.tiles;
  cut(p, blocks, GK_REDUCE_THREADS / p->a.lanes * 16, MOST_BLOCKS / 2);
  p->a.run = p->reduced.shape[p->reduced.ndim - 1];
  if (p->reduced.ndim > 1 && p->a.run < 4 * GK_REDUCE_THREADS / p->a.lanes) p->a.run = 0;
  return blocks;
}

static int64_t cut_rows(plan *p) {
  const gk_loop *k = &p->kept, *r = &p->reduced;
  const int64_t rows = p->a.kept.size, size = p->a.reduced.size, pack = row_pack(p);
  const bool across =
      rows > 1 && distance(k->strides[0][k->ndim - 1]) < distance(r->strides[0][r->ndim - 1]);
  int64_t lanes;
  if (across) { // neighbouring threads read neighbouring rows
    lanes = 1;
    while (lanes < 32 && rows * lanes < ENOUGH_THREADS && size > 8 * lanes) lanes *= 2;
  } else {
    const int64_t packs = divide_up(size, pack);
    const bool many = rows >= 4 * ENOUGH_BLOCKS && packs <= 2048;
    lanes = packs > 128 && !many ? GK_REDUCE_THREADS : power_from(packs, 32);
  }
  p->a.lanes = (uint32_t)lanes;
  p->a.run = r->shape[r->ndim - 1];
  if (r->ndim > 1 && p->a.run < lanes * pack / 2) p->a.run = 0;
  if (lanes < GK_REDUCE_THREADS) {
    p->a.span = size;
    p->a.parts = 1;
    return divide_up(rows, GK_REDUCE_THREADS / lanes);
  }
  cut(p, rows, lanes * pack * 4, MOST_BLOCKS);
  return rows;
}

// ---- the call

static void begin(plan *p, const gk_call *call, const gk_view *in, const gk_view *out,
                  uint32_t axes, bool ordered) {
  memset(p, 0, sizeof *p);
  p->a.in = gk_view_data(in);
  p->a.out = gk_view_data(out);
  p->a.op = (uint8_t)call->op;
  p->a.from = in->dtype;
  p->a.compute = call->compute;
  p->a.result = out->dtype;
  p->a.order = call->f[0];
  build_axes(&p->reduced, p, in, out, axes, !ordered);
  build_axes(&p->kept, p, in, out, ~axes, true);
  gk_layout_from_loop(&p->a.kept, 2, &p->kept);
  gk_layout_from_loop(&p->a.reduced, 1, &p->reduced);
  p->a.wide = call->compute == GK_float64 || p->a.reduced.size < SHORT_SUM;
}

static gk_status launch(const gk_cuda_run *run, plan *p) {
  p->columns = try_columns(p);
  const int64_t blocks = p->columns ? cut_columns(p) : cut_rows(p);
  merge *m = merge_of(p);
  if (p->a.parts > 1) {
    p->a.partial = gk_cuda_workspace(run, p->a.kept.size * p->a.parts * m->bytes);
    if (!p->a.partial) return run->error->status;
  }
  gk_kernel *kernel =
      p->columns ? &kernels[p->kind][p->dtype].columns : &kernels[p->kind][p->dtype].rows;
  gk_status status = gk_cuda_launch(run, kernel, (gk_grid){(uint32_t)blocks, p->a.parts, 1},
                                    GK_REDUCE_THREADS, 0, &p->a);
  if (status || p->a.parts == 1) return status;
  p->a.in = p->a.partial;
  p->a.partial = NULL;
  p->a.lanes = (uint32_t)power_from(p->a.kept.size, 32);
  const int64_t merging = divide_up(p->a.kept.size, p->a.lanes);
  return gk_cuda_launch(run, &m->kernel, (gk_grid){(uint32_t)merging, 1, 1}, GK_REDUCE_THREADS, 0,
                        &p->a);
}

gk_status gk_cuda_reduce(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  if (call->out[0]->size == 0) return GK_OK;
  const bool ordered = call->op == GK_OP_argmin || call->op == GK_OP_argmax;
  plan p;
  begin(&p, call, call->in[0], call->out[0], call->axes, ordered);
  for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
    if (ops[i].op == call->op) ops[i].choose(&p);
  return launch(run, &p);
}

gk_status gk_cuda_dot(const gk_cuda_run *run, const gk_view *matrix, const void *vector,
                      int64_t stride, const gk_view *out) {
  plan p;
  begin(&p, run->call, matrix, out, 2, true);
  p.kind = KIND_dot;
  p.dtype = matrix->dtype;
  p.a.step = GK_REDUCE_SUM;
  p.a.factor = vector;
  p.a.factor_stride = stride;
  p.a.factor_packs = stride == 1 && (uintptr_t)vector % 16 == 0;
  return launch(run, &p);
}

gk_status gk_cuda_sum_parts(const gk_cuda_run *run, const void *parts, uint8_t dtype, int64_t count,
                            const gk_view *out) {
  gk_view in = *out, to = *out;
  in.dtype = dtype;
  in.ndim = to.ndim = 3;
  for (int i = 0; i < 2; i++) {
    in.shape[i + 1] = to.shape[i + 1] = out->shape[i];
    to.strides[i + 1] = out->strides[i];
  }
  in.shape[0] = count;
  to.shape[0] = 1;
  to.strides[0] = 0;
  gk_view_make_contiguous(&in);
  plan p;
  begin(&p, run->call, &in, &to, 1, false);
  p.a.in = parts; // all strides lead forward
  p.kind = KIND_real;
  p.dtype = dtype;
  p.a.step = GK_REDUCE_SUM;
  return launch(run, &p);
}
