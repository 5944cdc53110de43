// Arrays made from numbers: full, arange, eye, empty. The output may be any view.
#include "../kernels/create.h"
#include "layout.h"

#include <string.h>

static gk_kernel fill_kernel = {.module = "create", .name = "create_fill"};
static gk_kernel fill_strided_kernel = {.module = "create", .name = "create_fill_strided"};
static gk_kernel arange_kernel = {.module = "create", .name = "create_arange"};
static gk_kernel eye_kernel = {.module = "create", .name = "create_eye"};

static gk_status fill(const gk_cuda_run *run, const gk_view *out, gk_scalar value) {
  int size = gk_dtypes[out->dtype].size;
  if (out->contiguous) {
    gk_create_fill a = {.out = gk_view_data(out), .bytes = gk_view_bytes(out)};
    for (int at = 0; at < 8; at += size) memcpy((char *)&a.pattern + at, value.bytes, (size_t)size);
    return gk_cuda_launch(run, &fill_kernel,
                          gk_grid_of(a.bytes, 16 * GK_FILL_VECTORS * GK_FILL_THREADS),
                          GK_FILL_THREADS, 0, &a);
  }
  gk_create_fill_strided a = {.out = gk_view_data(out), .size = (uint8_t)size};
  memcpy(&a.value, value.bytes, (size_t)size);
  gk_strided_build(&a.arrays, 1, &out);
  return gk_cuda_launch(run, &fill_strided_kernel, gk_grid_of(out->size, GK_STRIDED_BLOCK),
                        GK_STRIDED_THREADS, 0, &a);
}

static bool is_whole(double x, uint64_t *whole) {
  if (!(x >= -0x1p63 && x < 0x1p64)) return false;
  *whole = x < 0x1p63 ? (uint64_t)(int64_t)x : (uint64_t)x;
  return (x < 0x1p63 ? (double)(int64_t)*whole : (double)*whole) == x;
}

static gk_status arange(const gk_cuda_run *run, const gk_view *out, double start, double step) {
  gk_create_arange a = {
      .out = gk_view_data(out), .start = start, .step = step, .dtype = out->dtype};
  bool integers = gk_dtypes[out->dtype].class & (GK_CLASS_SIGNED | GK_CLASS_UNSIGNED);
  a.exact = integers && is_whole(start, &a.whole_start) && is_whole(step, &a.whole_step);
  gk_layout_build(&a.layout, 1, &out);
  return gk_cuda_launch(run, &arange_kernel, gk_grid_of(out->size, GK_STRIDED_BLOCK),
                        GK_STRIDED_THREADS, 0, &a);
}

static gk_status eye(const gk_cuda_run *run, const gk_view *out, double offset) {
  gk_create_eye a = {.out = gk_view_data(out),
                     .one = gk_scalar_from_double(1, out->dtype).u64,
                     .size = gk_dtypes[out->dtype].size};
  // Operand 1 lies nowhere: its places are column less row.
  gk_loop loop = {.ndim = 2, .shape = {out->shape[0], out->shape[1]}};
  for (int d = 0; d < 2; d++) {
    loop.strides[0][d] = out->strides[d];
    loop.strides[1][d] = d ? 1 : -1;
  }
  gk_layout_from_loop(&a.layout, 2, &loop);
  bool inside = offset > -(double)out->shape[0] && offset < (double)out->shape[1];
  a.diagonal = inside ? (int64_t)offset : INT64_MIN;
  return gk_cuda_launch(run, &eye_kernel, gk_grid_of(out->size, GK_STRIDED_BLOCK),
                        GK_STRIDED_THREADS, 0, &a);
}

gk_status gk_cuda_create(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *out = call->out[0];
  if (out->size == 0) return GK_OK;
  switch (call->op) {
  case GK_OP_empty:
    return GK_OK;
  case GK_OP_full:
    return fill(run, out, call->scalar[0]);
  case GK_OP_eye:
    return eye(run, out, call->f[0]);
  case GK_OP_arange:
    return arange(run, out, call->f[0], call->f[1]);
  default:
    return gk_error_set(run->error, GK_UNSUPPORTED, "%s: not available on %s", gk_op_name(call->op),
                        run->stream->device->name);
  }
}
