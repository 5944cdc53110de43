// put_along_axis, scatter_add and flat_index on CUDA: see kernels/index_along.cu for who changes what.
#include "index.h"

#include "layout.h"

// Threads of the kernels' blocks.
enum { LANES = 128, BATCH = 256, WHOLE = 256 };

#define MANY_LANES 64 // from here on a thread owns places, below a block
#define ROW 32 // lanes with the same indices that are worth a block together
// So many owners that a processor is busy with them; more of them would only read all indices once more.
#define LANES_A_PROCESSOR 256
#define BLOCKS_A_PROCESSOR 4
#define ROW_BLOCKS_A_PROCESSOR 8
#define MAX_OWNERS 32768

// The largest power of two that is not above n; 1 for what is below that.
static uint32_t power_of_two(int64_t n) {
  uint32_t power = 1;
  while (power < MAX_OWNERS && 2 * (int64_t)power <= n) power *= 2;
  return power;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static gk_status change(const gk_cuda_run *run) {
  static gk_kernel lanes_kernel = {.module = "index_along", .name = "index_change_lanes"};
  static gk_kernel owners_kernel = {.module = "index_along", .name = "index_change_owners"};
  static gk_kernel whole_kernel = {.module = "index_along", .name = "index_add_whole"};
  const gk_call *call = run->call;
  const gk_view *indices = call->in[0], *values = call->in[1], *array = call->out[0];
  const int axis = call->axis;
  const gk_dtype_info *info = &gk_dtypes[array->dtype];
  const bool adds = call->op == GK_OP_scatter_add;
  if (gk_cuda_counts(call)) return gk_cuda_count(run);
  gk_change_args args = {
      .axis = gk_cuda_axis_check(run, indices, array->shape[axis], array->strides[axis]),
      .array = gk_view_data(array),
      .index = gk_view_data(indices),
      .value = gk_view_data(values),
      .count = indices->shape[axis],
      .index_step = indices->strides[axis],
      .value_step = values->strides[axis],
      .dtype = adds ? array->dtype : 0,
      .bytes = info->size};
  // The array in the shape of the indices, without the axis.
  gk_view place = *array, index = *indices, value = *values;
  place.shape[axis] = indices->shape[axis];
  place.strides[axis] = 0;
  const gk_view *views[] = {&place, &index, &value};

  if (adds && info->size >= 4 && info->class & (GK_CLASS_SIGNED | GK_CLASS_UNSIGNED)) {
    gk_layout_build(&args.layout, 3, views);
    const gk_grid grid = {(uint32_t)((args.layout.size + WHOLE - 1) / WHOLE), 1, 1};
    return gk_cuda_launch(run, &whole_kernel, grid, WHOLE, 0, &args);
  }

  place.shape[axis] = index.shape[axis] = value.shape[axis] = 1;
  gk_view row_place = place, row_value = value;
  int64_t row = 1;
  for (int d = 0; d < index.ndim; d++) {
    const bool shared = index.strides[d] == 0;
    if (!shared) row_place.shape[d] = row_value.shape[d] = 1;
    row *= row_place.shape[d];
  }
  if (row < ROW) row = 1;
  for (int d = 0; d < index.ndim && row > 1; d++)
    if (index.strides[d] == 0) place.shape[d] = index.shape[d] = value.shape[d] = 1;
  gk_layout_build(&args.layout, 3, views);
  const int64_t lanes = args.layout.size, processors = gk_cuda_processors(run);
  const int64_t useful = least(args.count / 8, args.axis.length); // owners that have enough
  if (row == 1 && lanes >= MANY_LANES) {
    args.owners = power_of_two(least(processors * LANES_A_PROCESSOR / lanes, useful));
    const gk_grid grid = {(uint32_t)((lanes + LANES - 1) / LANES), args.owners, 1};
    return gk_cuda_launch(run, &lanes_kernel, grid, LANES, 0, &args);
  }
  args.row_blocks = 1;
  args.row.size = row;
  if (row > 1) {
    gk_layout_build(&args.row, 2, (const gk_view *[]){&row_place, &row_value});
    args.row_blocks = (uint32_t)((row + BATCH - 1) / BATCH);
  }
  const int64_t blocks = lanes * args.row_blocks;
  const int64_t wanted = processors * (row > 1 ? ROW_BLOCKS_A_PROCESSOR : BLOCKS_A_PROCESSOR);
  args.owners = power_of_two(least(wanted / blocks, useful));
  return gk_cuda_launch(run, &owners_kernel, (gk_grid){(uint32_t)blocks, args.owners, 1}, BATCH, 0,
                        &args);
}

static gk_status flat_index(const gk_cuda_run *run) {
  static gk_kernel kernel = {.module = "index", .name = "index_flat"};
  const gk_call *call = run->call;
  const gk_view *first = call->in[0], *second = call->in[1], *out = call->out[0];
  const int64_t length = (int64_t)call->f[0];
  gk_flat_index_args args = {.before = gk_cuda_axis_check(run, first, (int64_t)call->f[1], 1),
                             .axis = gk_cuda_axis_check(run, second, length, 1),
                             .out = (int64_t *)(void *)gk_view_data(out),
                             .first = gk_view_data(first),
                             .second = gk_view_data(second),
                             .most = length ? INT64_MAX / length - 1 : 0};
  args.before.number = call->axis - 1;
  gk_layout_build(&args.layout, 3, (const gk_view *[]){out, first, second});
  const gk_grid grid = {(uint32_t)((args.layout.size + WHOLE - 1) / WHOLE), 1, 1};
  return gk_cuda_launch(run, &kernel, grid, WHOLE, 0, &args);
}

gk_status gk_cuda_along(const gk_cuda_run *run) {
  return run->call->op == GK_OP_flat_index ? flat_index(run) : change(run);
}
