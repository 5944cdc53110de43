// What the files of the indexing family share: index.c (gathering), index_along.c (changing by indices),
// index_count.c (counting) and index_mask.c (what a mask chooses).
#ifndef GK_CUDA_INDEX_H
#define GK_CUDA_INDEX_H

#include "../kernels/index.h"
#include "cuda.h"

gk_status gk_cuda_along(const gk_cuda_run *run);
gk_status gk_cuda_mask(const gk_cuda_run *run);
gk_status gk_cuda_histogram(const gk_cuda_run *run);
// scatter_add of one value for each of many indices into few places, of elements of 4 or 8 bytes that add up
// as whole numbers: false where the call is none such.
bool gk_cuda_counts(const gk_call *call);
gk_status gk_cuda_count(const gk_cuda_run *run);

// How a call's indices are checked against an axis of `length` elements, `step` apart.
gk_axis_check gk_cuda_axis_check(const gk_cuda_run *run, const gk_view *indices, int64_t length,
                                 int64_t step);

// out[e] = in[e + index[e] * step], by views of one shape; `in` without the axis, that is with stride 0 for
// what belongs to the indices.
gk_status gk_cuda_gather(const gk_cuda_run *run, const gk_view *out, const gk_view *in,
                         const void *in_data, const gk_view *index, const void *index_data,
                         const gk_axis_check *axis);

#endif
