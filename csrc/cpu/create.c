// Arrays made from numbers: full, arange, eye, empty. The output may be any view.
#include <string.h>

#include "blocks.h"
#include "copy.h"

enum { GRAIN = 1 << 18 };

static void fill(const gk_view *out, gk_scalar value) {
  gk_block_job job = {.inputs = 1, .number = {value}, .out = out, .grain = GRAIN, .light = true};
  job.through[0] = job.work[0] = job.result = out->dtype;
  gk_blocks_run(&job);
}

static void eye(const gk_view *out, double offset) {
  gk_scalar zero;
  memset(&zero, 0, sizeof zero);
  fill(out, zero);
  if (!(offset > -(double)out->shape[0] && offset < (double)out->shape[1])) return;
  int64_t diagonal = (int64_t)offset;
  int64_t row = diagonal < 0 ? -diagonal : 0, column = diagonal > 0 ? diagonal : 0;
  int64_t rows = out->shape[0] - row, columns = out->shape[1] - column;
  int64_t n = rows < columns ? rows : columns, size = gk_dtypes[out->dtype].size;
  gk_scalar one = gk_scalar_from_double(1, out->dtype);
  char *data = gk_view_data(out);
  for (int64_t i = 0; i < n; i++)
    memcpy(data + ((row + i) * out->strides[0] + (column + i) * out->strides[1]) * size, one.bytes,
           (size_t)size);
}

// ---- arange

typedef struct range {
  gk_loop loop;
  const gk_view *out;
  double start, step;
  bool exact; // in whole numbers, modulo 2^64
  uint64_t whole_start, whole_step;
} range;

static bool is_whole(double x, uint64_t *whole) {
  if (!(x >= -0x1p63 && x < 0x1p64)) return false;
  *whole = x < 0x1p63 ? (uint64_t)(int64_t)x : (uint64_t)x;
  return (x < 0x1p63 ? (double)(int64_t)*whole : (double)*whole) == x;
}

static void run_range(void *context, int64_t begin, int64_t end, int thread) {
  (void)thread;
  const range *r = context;
  const gk_view *out = r->out;
  _Alignas(64) char values[GK_BLOCK_ELEMENTS * 8], results[GK_BLOCK_ELEMENTS * GK_ELEMENT_BYTES];
  gk_cast_fn cast = gk_cpu_cast(r->exact ? GK_int64 : GK_float64, out->dtype);
  int size = gk_dtypes[out->dtype].size, last = r->loop.ndim - 1;
  const int64_t *shape = r->loop.shape, *strides = r->loop.strides[0];
  char *data = gk_view_data(out);
  for (int64_t i = begin, n; i < end; i += n) {
    int64_t column = i % shape[last], row = i / shape[last], offset = column * strides[last];
    for (int d = last - 1; d >= 0; d--) {
      offset += row % shape[d] * strides[d];
      row /= shape[d];
    }
    n = shape[last] - column < end - i ? shape[last] - column : end - i;
    if (n > GK_BLOCK_ELEMENTS) n = GK_BLOCK_ELEMENTS;
    if (r->exact) {
      uint64_t *v = (uint64_t *)values;
      for (int64_t k = 0; k < n; k++) v[k] = r->whole_start + (uint64_t)(i + k) * r->whole_step;
    } else {
      double *v = (double *)values;
      for (int64_t k = 0; k < n; k++) v[k] = r->start + (double)(i + k) * r->step;
    }
    cast(n, values, results);
    gk_cpu_scatter(n, size, results, data + offset * size, strides[last]);
  }
}

static void arange(const gk_view *out, double start, double step) {
  range r = {.out = out, .start = start, .step = step};
  bool integers = gk_dtypes[out->dtype].class & (GK_CLASS_SIGNED | GK_CLASS_UNSIGNED);
  r.exact = integers && is_whole(start, &r.whole_start) && is_whole(step, &r.whole_step);
  gk_loop_build(&r.loop, 1, &out);
  gk_parallel(out->size, GRAIN / 4, run_range, &r);
}

gk_status gk_cpu_create(const gk_call *call, gk_error *error) {
  const gk_view *out = call->out[0];
  if (out->size == 0) return GK_OK;
  switch (call->op) {
  case GK_OP_empty:
    return GK_OK;
  case GK_OP_full:
    fill(out, call->scalar[0]);
    return GK_OK;
  case GK_OP_eye:
    eye(out, call->f[0]);
    return GK_OK;
  case GK_OP_arange:
    arange(out, call->f[0], call->f[1]);
    return GK_OK;
  default:
    return gk_error_set(error, GK_UNSUPPORTED, "%s: not available on the CPU",
                        gk_op_name(call->op));
  }
}
