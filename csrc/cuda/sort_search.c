// searchsorted on CUDA: one launch (kernels/sort_search.cu).
#include "../kernels/sort_search.h"
#include "layout.h"
#include "sort.h"

gk_status gk_cuda_searchsorted(const gk_cuda_run *run) {
  static gk_kernel same = {.module = "sort_search", .name = "search_same"},
                   mixed = {.module = "sort_search", .name = "search_mixed"};
  const gk_call *call = run->call;
  const gk_view *sorted = call->in[0], *values = call->in[1], *out = call->out[0];
  if (out->size == 0) return GK_OK;
  gk_search_args args = {.sorted = gk_view_data(sorted),
                         .values = gk_view_data(values),
                         .out = (int64_t *)(void *)gk_view_data(out),
                         .length = sorted->shape[0],
                         .step = sorted->strides[0],
                         .dtype = sorted->dtype,
                         .compute = call->compute,
                         .right = (call->flags & GK_VARIANT) != 0};
  gk_strided_build(&args.arrays, 2, (const gk_view *[]){values, out});
  const bool is_mixed = sorted->dtype != call->compute || values->dtype != call->compute;
  return gk_cuda_launch(run, is_mixed ? &mixed : &same, gk_grid_of(out->size, GK_STRIDED_BLOCK),
                        GK_STRIDED_THREADS, 0, &args);
}
