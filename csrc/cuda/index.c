// take and take_along_axis on CUDA, and the start of all other ops of the family.
//
// Both gather by views of the output's shape: the array's has stride 0 where the output's axes come from
// the indices, the indices' where they come from the array.
#include "index.h"

#include "layout.h"

#define THREADS 256

gk_axis_check gk_cuda_axis_check(const gk_cuda_run *run, const gk_view *indices, int64_t length,
                                 int64_t step) {
  const bool variant = run->call->flags & GK_VARIANT;
  const bool from_end = gk_dtypes[indices->dtype].class == GK_CLASS_SIGNED && !variant;
  int32_t op = run->call->op | (variant ? GK_FAULT_VARIANT : 0);
  if (indices->dtype == GK_uint64) op |= GK_FAULT_UNSIGNED;
  return (gk_axis_check){.length = length,
                         .wrap = from_end ? length : 0,
                         .step = step,
                         .fault = run->fault,
                         .op = op,
                         .number = run->call->axis,
                         .dtype = indices->dtype};
}

// The operands of a gather as its layout has them.
enum { OUT, IN, INDEX, OPERANDS };

// Can two neighbours along the innermost axis be moved as one element?
static bool pairs_up(const gk_loop *loop, int inner, const gk_gather_args *args, int bytes) {
  if (loop->shape[inner] % 2 || loop->strides[OUT][inner] != 1 || loop->strides[IN][inner] != 1 ||
      loop->strides[INDEX][inner] != 0 || args->axis.step % 2)
    return false;
  for (int d = 0; d < inner; d++)
    if (loop->strides[OUT][d] % 2 || loop->strides[IN][d] % 2) return false;
  return ((uintptr_t)args->out | (uintptr_t)args->in) % (2 * (uint64_t)bytes) == 0;
}

gk_status gk_cuda_gather(const gk_cuda_run *run, const gk_view *out, const gk_view *in,
                         const void *in_data, const gk_view *index, const void *index_data,
                         const gk_axis_check *axis) {
  static gk_kernel kernels[] = {{.module = "index", .name = "index_gather1"},
                                {.module = "index", .name = "index_gather2"},
                                {.module = "index", .name = "index_gather4"},
                                {.module = "index", .name = "index_gather8"},
                                {.module = "index", .name = "index_gather16"}};
  static const int per_thread[] = {4, 4, 4, 4, 2};
  gk_gather_args args = {
      .axis = *axis, .out = gk_view_data(out), .in = in_data, .index = index_data};
  gk_loop loop;
  gk_loop_build(&loop, OPERANDS, (const gk_view *[]){out, in, index});
  const int inner = loop.ndim - 1;
  int bytes = gk_dtypes[out->dtype].size, kind = 0;
  while (1 << kind < bytes) kind++;
  for (; bytes < 16 && pairs_up(&loop, inner, &args, bytes); bytes *= 2, kind++) {
    loop.shape[inner] /= 2;
    args.axis.step /= 2;
    for (int d = 0; d < inner; d++) {
      loop.strides[OUT][d] /= 2;
      loop.strides[IN][d] /= 2;
    }
  }
  gk_layout_from_loop(&args.layout, OPERANDS, &loop);
  const int64_t each = THREADS * per_thread[kind];
  const gk_grid grid = {(uint32_t)((args.layout.size + each - 1) / each), 1, 1};
  return gk_cuda_launch(run, &kernels[kind], grid, THREADS, 0, &args);
}

static gk_status take(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *array = call->in[0], *indices = call->in[1], *out = call->out[0];
  const int axis = call->axis, more = indices->ndim;
  gk_view in = *out, index = *out;
  index.dtype = indices->dtype;
  for (int d = 0; d < out->ndim; d++) {
    const bool indexed = d >= axis && d < axis + more;
    in.strides[d] = indexed ? 0 : array->strides[d < axis ? d : d - more + 1];
    index.strides[d] = indexed ? indices->strides[d - axis] : 0;
  }
  const bool has_axis = array->ndim > 0;
  const gk_axis_check checked = gk_cuda_axis_check(run, indices, has_axis ? array->shape[axis] : 1,
                                                   has_axis ? array->strides[axis] : 0);
  return gk_cuda_gather(run, out, &in, gk_view_data(array), &index, gk_view_data(indices),
                        &checked);
}

static gk_status take_along_axis(const gk_cuda_run *run) {
  const gk_call *call = run->call;
  const gk_view *array = call->in[0], *indices = call->in[1], *out = call->out[0];
  const int axis = call->axis;
  gk_view in = *array;
  in.shape[axis] = out->shape[axis];
  in.strides[axis] = 0;
  const gk_axis_check checked =
      gk_cuda_axis_check(run, indices, array->shape[axis], array->strides[axis]);
  return gk_cuda_gather(run, out, &in, gk_view_data(array), indices, gk_view_data(indices),
                        &checked);
}

gk_status gk_cuda_index(const gk_cuda_run *run) {
  const bool changes = run->call->op == GK_OP_put_along_axis || run->call->op == GK_OP_scatter_add;
  if ((changes ? run->call->in[0] : run->call->out[0])->size == 0) return GK_OK;
  switch (run->call->op) {
  case GK_OP_take:
    return take(run);
  case GK_OP_take_along_axis:
    return take_along_axis(run);
  case GK_OP_nonzero:
  case GK_OP_compress:
    return gk_cuda_mask(run);
  case GK_OP_histogram:
    return gk_cuda_histogram(run);
  default:
    return gk_cuda_along(run);
  }
}
