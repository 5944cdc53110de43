// nonzero and compress on CUDA: both list what a mask chooses (kernels/index_mask.cu). nonzero makes indices
// of the list, compress gathers by it.
#include "index.h"

#include "layout.h"

enum { THREADS = 256, SCANNERS = 1024 };

// The bits that make an element true: all but the sign of floats.
static uint64_t truth_bits(uint8_t dtype) {
  const gk_dtype_info *info = &gk_dtypes[dtype];
  const uint64_t all = UINT64_MAX >> (64 - 8 * info->size);
  if (info->class == GK_CLASS_COMPLEX) return 0x7fffffff7fffffff;
  return info->class == GK_CLASS_FLOAT ? all >> 1 : all;
}

static gk_grid blocks_of(int64_t n, int64_t each) {
  return (gk_grid){(uint32_t)((n + each - 1) / each), 1, 1};
}

// Lists `listed`'s place for each true element of the mask: args has list, list_step, room and missing.
static gk_status list(const gk_cuda_run *run, const gk_view *mask, const gk_view *listed,
                      gk_select_args *args) {
  static gk_kernel count = {.module = "index_mask", .name = "index_count"},
                   scan = {.module = "index_mask", .name = "index_scan"},
                   write = {.module = "index_mask", .name = "index_list"};
  gk_layout_build(&args->layout, 2, (const gk_view *[]){mask, listed});
  args->mask = gk_view_data(mask);
  args->truth = truth_bits(mask->dtype);
  args->bytes = gk_dtypes[mask->dtype].size;
  // One tile at least: somebody must fill the list up.
  args->tiles = mask->size ? (mask->size + GK_SELECT_TILE - 1) / GK_SELECT_TILE : 1;
  args->counts = gk_cuda_workspace(run, (args->tiles + 1) * (int64_t)sizeof *args->counts);
  if (!args->counts) return GK_OUT_OF_MEMORY;
  const gk_grid tiles = {(uint32_t)args->tiles, 1, 1};
  gk_status status = gk_cuda_launch(run, &count, tiles, THREADS, 0, args);
  if (status == GK_OK) status = gk_cuda_launch(run, &scan, (gk_grid){1, 1, 1}, SCANNERS, 0, args);
  if (status == GK_OK) status = gk_cuda_launch(run, &write, tiles, THREADS, 0, args);
  return status;
}

static gk_status nonzero(const gk_cuda_run *run) {
  static gk_kernel unravel = {.module = "index_mask", .name = "index_unravel"};
  const gk_view *in = run->call->in[0], *out = run->call->out[0];
  gk_view number = *in; // whose places are the elements' numbers
  gk_view_make_contiguous(&number);
  int64_t *to = (int64_t *)(void *)gk_view_data(out);
  gk_select_args args = {.list = to, .list_step = out->strides[1], .room = out->shape[1]};
  if (in->ndim == 1) return list(run, in, &number, &args);
  args.list = gk_cuda_workspace(run, args.room * (int64_t)sizeof *args.list);
  if (!args.list) return GK_OUT_OF_MEMORY;
  args.list_step = 1;
  args.missing = -1;
  const gk_status status = list(run, in, &number, &args);
  if (status != GK_OK) return status;
  gk_unravel_args shape = {.list = args.list,
                           .out = to,
                           .count = args.room,
                           .axis_step = out->strides[0],
                           .step = out->strides[1]};
  gk_loop loop = {.ndim = in->ndim};
  for (int d = 0; d < in->ndim; d++) loop.shape[d] = in->shape[d];
  gk_layout_from_loop(&shape.shape, 1, &loop);
  return gk_cuda_launch(run, &unravel, blocks_of(args.room, THREADS), THREADS, 0, &shape);
}

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
  while (b) {
    const int64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

static gk_status compress(const gk_cuda_run *run) {
  const gk_view *in = run->call->in[0], *mask = run->call->in[1], *out = run->call->out[0];
  // What is listed are the places of the mask's elements in the array, from the lowest one on and in units
  // of the largest step that leads to all of them.
  int64_t lowest = 0, reach = 0, unit = 0;
  for (int d = 0; d < mask->ndim; d++) {
    if (in->shape[d] < 2) continue;
    const int64_t stride = in->strides[d], far = (in->shape[d] - 1) * stride;
    if (far < 0) lowest += far;
    reach += far < 0 ? -far : far;
    unit = greatest_common_divisor(stride < 0 ? -stride : stride, unit);
  }
  if (unit == 0) unit = 1;
  gk_view first = *mask;
  for (int d = 0; d < mask->ndim; d++)
    first.strides[d] = in->shape[d] < 2 ? 0 : in->strides[d] / unit;
  gk_select_args args = {
      .list_step = 1, .room = out->shape[0], .origin = -lowest / unit, .missing = -1};
  args.list = gk_cuda_workspace(run, args.room * (int64_t)sizeof *args.list);
  if (!args.list) return GK_OUT_OF_MEMORY;
  const gk_status status = list(run, mask, &first, &args);
  if (status != GK_OK) return status;

  gk_view rest = *out, index = *out;
  index.dtype = GK_int64;
  for (int d = 0; d < out->ndim; d++) {
    rest.strides[d] = d ? in->strides[mask->ndim + d - 1] : 0;
    index.strides[d] = d == 0;
  }
  const gk_axis_check places = {
      .length = mask->size ? reach / unit + 1 : 0, .step = unit, .dtype = GK_int64};
  const char *data = gk_view_data(in);
  if (data) data += lowest * gk_dtypes[in->dtype].size;
  return gk_cuda_gather(run, out, &rest, data, &index, args.list, &places);
}

gk_status gk_cuda_mask(const gk_cuda_run *run) {
  return run->call->op == GK_OP_nonzero ? nonzero(run) : compress(run);
}
