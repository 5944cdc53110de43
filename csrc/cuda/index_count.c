// histogram, and scatter_add that counts, on CUDA: see kernels/index_count.cu.
#include "index.h"

#include "layout.h"

#define THREADS GK_STRIDED_THREADS
#define BLOCKS_A_PROCESSOR 8
#define MOST_BINS 2048 // whose edges are in shared memory
#define MANY 8192      // indices from which counting in blocks is worth it

// So many copies of each count as there is room for, up to one for each lane of a warp.
static uint32_t copies_of(int64_t counts) {
  uint32_t copies = 1;
  while (copies < 32 && 2 * copies * counts <= GK_COUNTS) copies *= 2;
  return copies;
}

// A block for each GK_STRIDED_BLOCK elements, but no more than are resident at a time.
static gk_grid grid_of(const gk_cuda_run *run, int64_t size) {
  const int64_t most = (int64_t)gk_cuda_processors(run) * BLOCKS_A_PROCESSOR;
  return gk_grid_of(size < most * GK_STRIDED_BLOCK ? size : most * GK_STRIDED_BLOCK,
                    GK_STRIDED_BLOCK);
}

gk_status gk_cuda_histogram(const gk_cuda_run *run) {
  static gk_kernel begin = {.module = "index_count", .name = "index_histogram_begin"};
  static gk_kernel kernels[2][2] = { // [many bins][float64]
                                    {{.module = "index_count", .name = "index_histogram32"},
                                     {.module = "index_count", .name = "index_histogram64"}},
                                    {{.module = "index_count", .name = "index_histogram_long32"},
                                     {.module = "index_count", .name = "index_histogram_long64"}}};
  const gk_call *call = run->call;
  const gk_view *in = call->in[0], *edges = call->in[1], *out = call->out[0];
  gk_histogram_args args = {.in = gk_view_data(in),
                            .edges = gk_view_data(edges),
                            .out = (int64_t *)(void *)gk_view_data(out),
                            .bins = out->shape[0],
                            .edge_step = edges->strides[0],
                            .out_step = out->strides[0],
                            .edge_dtype = edges->dtype,
                            .compute = call->compute,
                            .copies = copies_of(out->shape[0])};
  args.numbers = gk_cuda_workspace(run, edges->shape[0] * (int64_t)sizeof(double));
  if (!args.numbers) return run->error->status;
  const gk_status status =
      gk_cuda_launch(run, &begin, gk_grid_of(edges->shape[0], THREADS), THREADS, 0, &args);
  if (status != GK_OK || in->size == 0) return status;
  gk_strided_build(&args.arrays, 1, (const gk_view *[]){in});
  gk_kernel *kernel = &kernels[args.bins > MOST_BINS][call->compute == GK_float64];
  return gk_cuda_launch(run, kernel, grid_of(run, in->size), THREADS, 0, &args);
}

bool gk_cuda_counts(const gk_call *call) {
  const gk_view *indices = call->in[0], *values = call->in[1], *array = call->out[0];
  const gk_dtype_info *info = &gk_dtypes[array->dtype];
  return call->op == GK_OP_scatter_add && info->size >= 4 &&
         info->class & (GK_CLASS_SIGNED | GK_CLASS_UNSIGNED) && indices->ndim == 1 &&
         values->strides[0] == 0 && indices->size >= MANY && array->shape[0] <= GK_COUNTS;
}

gk_status gk_cuda_count(const gk_cuda_run *run) {
  static gk_kernel kernel = {.module = "index_count", .name = "index_count_places"};
  const gk_view *indices = run->call->in[0], *values = run->call->in[1], *array = run->call->out[0];
  const gk_count_args args = {
      .axis = gk_cuda_axis_check(run, indices, array->shape[0], array->strides[0]),
      .array = gk_view_data(array),
      .index = gk_view_data(indices),
      .value = gk_view_data(values),
      .count = indices->size,
      .index_step = indices->strides[0],
      .bytes = gk_dtypes[array->dtype].size,
      .copies = copies_of(array->shape[0])};
  return gk_cuda_launch(run, &kernel, grid_of(run, indices->size), THREADS, 0, &args);
}
